-- dataset_digest: the identity of a content, which can be made of the identities of its parts; core/src/dataset/digest.rs says what and why. A content
-- is a number in base 256, reduced modulo the largest prime below 2^128, which is 2^128 - 159.

-- The powers of 159^5, which is what 80 bytes, five digits of 2^128, are shifted by.
create or replace function lora._digest_powers()
returns numeric[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  powers numeric[] := array[1];
begin
  for at in 2 .. 64 loop
    powers[at] := pg_catalog.mod(powers[at - 1] * 101621504799, 340282366920938463463374607431768211297);
  end loop;
  return powers;
end
$$;
grant execute on function lora._digest_powers() to public;

-- 2^128 is 159 here, so five digits of it are one sum of small products: of their four words of 32 bits each by itself, as a bigint holds no more.
-- 64 such pieces are added up by their powers, and what is then left of a megabyte are 205 numbers.
create or replace function lora._digest(content bytea)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  prime constant numeric := 340282366920938463463374607431768211297;
  shift constant numeric := pg_catalog.mod((lora._digest_powers())[64] * 101621504799, prime);
  residue numeric := 0;
  block numeric;
begin
  -- As long as whole pieces: zeros before a number do not change it.
  content := pg_catalog.decode(pg_catalog.repeat('00', (80 - pg_catalog.length(content) % 80) % 80), 'hex') || content;
  for block in
    select pg_catalog.sum(
      (((piece.word_0::numeric * 4294967296 + piece.word_1) * 4294967296 + piece.word_2) * 4294967296 + piece.word_3) * piece.power)
    from (
      select piece.number, piece.power,
          (((((pg_catalog.get_byte(piece.bytes, 0) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 1) * 65536 + pg_catalog.get_byte(piece.bytes, 2) * 256 + pg_catalog.get_byte(piece.bytes, 3)) * 159
            + (pg_catalog.get_byte(piece.bytes, 16) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 17) * 65536 + pg_catalog.get_byte(piece.bytes, 18) * 256 + pg_catalog.get_byte(piece.bytes, 19))) * 159
            + (pg_catalog.get_byte(piece.bytes, 32) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 33) * 65536 + pg_catalog.get_byte(piece.bytes, 34) * 256 + pg_catalog.get_byte(piece.bytes, 35))) * 159
            + (pg_catalog.get_byte(piece.bytes, 48) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 49) * 65536 + pg_catalog.get_byte(piece.bytes, 50) * 256 + pg_catalog.get_byte(piece.bytes, 51))) * 159
            + (pg_catalog.get_byte(piece.bytes, 64) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 65) * 65536 + pg_catalog.get_byte(piece.bytes, 66) * 256 + pg_catalog.get_byte(piece.bytes, 67))) as word_0,
          (((((pg_catalog.get_byte(piece.bytes, 4) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 5) * 65536 + pg_catalog.get_byte(piece.bytes, 6) * 256 + pg_catalog.get_byte(piece.bytes, 7)) * 159
            + (pg_catalog.get_byte(piece.bytes, 20) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 21) * 65536 + pg_catalog.get_byte(piece.bytes, 22) * 256 + pg_catalog.get_byte(piece.bytes, 23))) * 159
            + (pg_catalog.get_byte(piece.bytes, 36) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 37) * 65536 + pg_catalog.get_byte(piece.bytes, 38) * 256 + pg_catalog.get_byte(piece.bytes, 39))) * 159
            + (pg_catalog.get_byte(piece.bytes, 52) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 53) * 65536 + pg_catalog.get_byte(piece.bytes, 54) * 256 + pg_catalog.get_byte(piece.bytes, 55))) * 159
            + (pg_catalog.get_byte(piece.bytes, 68) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 69) * 65536 + pg_catalog.get_byte(piece.bytes, 70) * 256 + pg_catalog.get_byte(piece.bytes, 71))) as word_1,
          (((((pg_catalog.get_byte(piece.bytes, 8) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 9) * 65536 + pg_catalog.get_byte(piece.bytes, 10) * 256 + pg_catalog.get_byte(piece.bytes, 11)) * 159
            + (pg_catalog.get_byte(piece.bytes, 24) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 25) * 65536 + pg_catalog.get_byte(piece.bytes, 26) * 256 + pg_catalog.get_byte(piece.bytes, 27))) * 159
            + (pg_catalog.get_byte(piece.bytes, 40) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 41) * 65536 + pg_catalog.get_byte(piece.bytes, 42) * 256 + pg_catalog.get_byte(piece.bytes, 43))) * 159
            + (pg_catalog.get_byte(piece.bytes, 56) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 57) * 65536 + pg_catalog.get_byte(piece.bytes, 58) * 256 + pg_catalog.get_byte(piece.bytes, 59))) * 159
            + (pg_catalog.get_byte(piece.bytes, 72) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 73) * 65536 + pg_catalog.get_byte(piece.bytes, 74) * 256 + pg_catalog.get_byte(piece.bytes, 75))) as word_2,
          (((((pg_catalog.get_byte(piece.bytes, 12) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 13) * 65536 + pg_catalog.get_byte(piece.bytes, 14) * 256 + pg_catalog.get_byte(piece.bytes, 15)) * 159
            + (pg_catalog.get_byte(piece.bytes, 28) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 29) * 65536 + pg_catalog.get_byte(piece.bytes, 30) * 256 + pg_catalog.get_byte(piece.bytes, 31))) * 159
            + (pg_catalog.get_byte(piece.bytes, 44) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 45) * 65536 + pg_catalog.get_byte(piece.bytes, 46) * 256 + pg_catalog.get_byte(piece.bytes, 47))) * 159
            + (pg_catalog.get_byte(piece.bytes, 60) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 61) * 65536 + pg_catalog.get_byte(piece.bytes, 62) * 256 + pg_catalog.get_byte(piece.bytes, 63))) * 159
            + (pg_catalog.get_byte(piece.bytes, 76) * 16777216::bigint + pg_catalog.get_byte(piece.bytes, 77) * 65536 + pg_catalog.get_byte(piece.bytes, 78) * 256 + pg_catalog.get_byte(piece.bytes, 79))) as word_3
      from (
        select number, powers.powers[number % 64 + 1] as power,
          pg_catalog.substr(content, pg_catalog.length(content) - 80 * number - 79, 80) as bytes
        from (select lora._digest_powers() as powers offset 0) as powers
        cross join pg_catalog.generate_series(0, pg_catalog.length(content) / 80 - 1) as number
        offset 0
      ) as piece
    ) as piece
    group by piece.number / 64
    order by piece.number / 64 desc
  loop
    residue := pg_catalog.mod(residue * shift + block, prime);
  end loop;
  return residue;
end
$$;
grant execute on function lora._digest(bytea) to public;

-- 256 to a power, which is what a content is shifted by when so many bytes follow.
create or replace function lora._digest_shift(bytes bigint)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  prime constant numeric := 340282366920938463463374607431768211297;
  power numeric := 1;
  square numeric := 256;
begin
  while bytes > 0 loop
    if bytes % 2 = 1 then
      power := pg_catalog.mod(power * square, prime);
    end if;
    square := pg_catalog.mod(square * square, prime);
    bytes := bytes / 2;
  end loop;
  return power;
end
$$;
grant execute on function lora._digest_shift(bigint) to public;

-- The digest of some bytes and so many that follow them.
create or replace function lora._joined_digests(residue numeric, later numeric, later_bytes bigint)
returns numeric
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return pg_catalog.mod(residue * lora._digest_shift(later_bytes) + later, 340282366920938463463374607431768211297);
end
$$;
grant execute on function lora._joined_digests(numeric, numeric, bigint) to public;

-- As reports show it: 32 hexadecimal digits. A leading 1 tells a content from the same behind zeros.
create or replace function lora._shown_digest(residue numeric, bytes bigint)
returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  whole constant numeric := pg_catalog.mod(residue + lora._digest_shift(bytes), 340282366920938463463374607431768211297);
  shown text := '';
begin
  for word in 0 .. 3 loop
    shown := pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.mod(pg_catalog.div(whole, 4294967296::numeric ^ word), 4294967296)::bigint), 8, '0') || shown;
  end loop;
  return shown;
end
$$;
grant execute on function lora._shown_digest(numeric, bigint) to public;
