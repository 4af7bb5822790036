-- What a process of the server waits for. $1: its pid. Whoever is in the way is known to every role by pid; the rest
-- only to those who may see it.
select jsonb_build_object(
  'holders', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'pid', blocking.pid,
      'application', a.application_name,
      'user', a.usename,
      'seconds', extract(epoch from clock_timestamp() - a.xact_start),
      'query', left(split_part(ltrim(a.query, E' \t\r\n'), E'\n', 1), 80)) order by a.xact_start, blocking.pid), '[]')
    from (select distinct unnest(pg_blocking_pids($1)) as pid) as blocking
    left join pg_stat_activity a on a.pid = blocking.pid),
  'event', (
    select a.wait_event_type || ' ' || a.wait_event from pg_stat_activity a
    where a.pid = $1 and a.state = 'active' and a.wait_event_type <> 'Client'),
  'progress', (
    select concat_ws(', ', p.phase, p.blocks_done || ' of ' || nullif(p.blocks_total, 0) || ' blocks')
    from pg_stat_progress_create_index p where p.pid = $1))
