// Answers questions about a journal whose agent does not run, as one on a mounted disk. The journal
// may be another machine's or another boot's; it is read as it lies there. Nothing is opened for
// writing, no lock is taken and no network used, and only read access to the files is needed. Spans
// that had not ended are shown as open at the journal's end.
#pragma once

#include "agent/app/flags.h"

namespace sluice::app {

// Serves the peer of the socket that is this process's stdin until the peer closes it. Of `flags`
// count the journal and the KVP pool's file; without a journal, questions about filters alone are
// answered, by the configuration of this machine. Returns the exit code; what cannot be read is
// logged.
int ServeOffline(const Flags& flags);

}  // namespace sluice::app
