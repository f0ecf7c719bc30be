"""Evidence → judgement: pure functions, no I/O, no clock. `record.assemble` puts the pieces together."""
