-- The shop goes on trading until :'until': an order a minute, with its lines and its payment, and the heart beats.

begin;

create temporary table minutes on commit drop as
select minute
from (select max(beat_at) as last_beat from heartbeat) as before,
     generate_series(timestamptz :'until', last_beat + interval '1 second', interval '-1 minute') as minute;

insert into heartbeat select minute from minutes;

create temporary table placed (id, placed_at) on commit drop as
select nextval(pg_get_serial_sequence('orders', 'id')), minute from minutes;

insert into orders (id, customer_id, placed_at) select id, 1 + (id * 7919) % 20000, placed_at from placed;
insert into order_lines select id, 1 + (id * 31) % 397, 1 + id % 3 from placed;
insert into payments (order_id, amount, paid_at) select id, 5 + id % 200, placed_at from placed;

commit;
