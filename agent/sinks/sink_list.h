// One line for each kind of sink, in the order in which they start and drain: SINK(Name) stands for
// `SinkKind sluice::sinks::NameSinkKind()`, which the sink's folder defines. Included where SINK is
// defined.
SINK(Stderr)
SINK(Otlp)
SINK(Kvp)
SINK(File)
