-- Several permissive policies for one role and one operation: all of them are evaluated for every row, and they are
-- OR-ed, so that the widest one decides whatever the others say.
select format('%s %s %s', relation, role, operation)
from (
  select polrelid::regclass as relation, role.rolname as role, operation
  from pg_policy
  cross join lateral unnest(case polcmd when '*' then array['r', 'a', 'w', 'd'] else array[polcmd::text] end) as operation
  join pg_roles as role on 0 = any (polroles) or exists (
    select from unnest(polroles) as member where pg_has_role(role.oid, nullif(member, 0), 'usage')
  )
  where polpermissive and role.rolname in ('anon', 'authenticated', 'service_role')
) as policy
group by relation, role, operation
having count(*) > 1
