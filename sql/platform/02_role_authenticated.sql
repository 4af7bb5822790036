-- required: role authenticated
-- Whoever calls with a session; which user it is stands in the JWT claims.
create role authenticated nologin noinherit;
grant authenticated to current_user;
