# about: Every B-tree index is in order and leads to every row of its table (amcheck, heapallindexed).
# severity: gating
# expect: no_rows
# timeout: 4h
# needs: amcheck
# proves: intact

from restore_tester.errors import DataDamaged
from restore_tester.model import Question

SCHEMA = """
select pg_catalog.quote_ident(n.nspname)
from pg_catalog.pg_extension e
join pg_catalog.pg_namespace n on n.oid = e.extnamespace
where e.extname = 'amcheck'
"""
# Largest first, so that the last to end is not the longest. The catalogue's own indexes came with the server, unless files were restored.
INDEXES = """
select i.indexrelid::pg_catalog.int8, pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_table_size(i.indrelid)
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indexrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_am a on a.oid = c.relam
where a.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p'
  and i.indisvalid and i.indisready and i.indislive
  and (i.indexrelid >= 16384 or {physical})
  and (pg_catalog.pg_relation_size(i.indrelid) > 0 or pg_catalog.pg_relation_size(i.indexrelid) > 8192)
order by 3 desc, 1
"""
CHECK = "select {schema}.bt_index_check(id::pg_catalog.oid::pg_catalog.regclass, true) from pg_catalog.unnest(array[{ids}]) id"
BATCH_BYTES = 16 << 20
BATCH_INDEXES = 200


def batches(indexes):
    """One question for many small indexes: asking costs more than checking them."""
    batch, size = [], 0
    for index in indexes:
        if batch and (size + index[2] > BATCH_BYTES or len(batch) == BATCH_INDEXES):
            yield batch
            batch, size = [], 0
        batch.append(index)
        size += index[2]
    if batch:
        yield batch


def damaged(restored, database, schema, wanted):
    """Return those of the batches in which an index is damaged."""
    texts = [CHECK.format(schema=schema, ids=", ".join(str(index[0]) for index in batch)) for batch in wanted]
    answers = restored.ask_each([Question(text, database) for text in texts])
    return [wanted[place] for place, answer in answers if isinstance(answer, DataDamaged)]


def find_problems(restored):
    for database in restored.databases():
        listing = INDEXES.format(physical="physical" in restored.features)
        indexes = restored.ask(Question(listing, database)).rows
        if not indexes:
            continue
        ((schema,),) = restored.ask(Question(SCHEMA, database)).rows
        suspects = [[index] for batch in damaged(restored, database, schema, list(batches(indexes))) for index in batch]
        yield from (index[1] for (index,) in damaged(restored, database, schema, suspects))
