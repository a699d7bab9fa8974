// What the libraries we link say on stderr by default.
#pragma once

namespace sluice::app {

// A library's default handler writes to stderr on whichever thread called it, and waits while
// nobody reads stderr. From here on what libprotobuf says goes to our log, which never waits: not
// each message, but the first, second, fourth and so on, since a client may be able to provoke it.
// absl says nothing, but why it ends the process.
//
// libre2 has no handler to replace: each RE2 is made with log_errors(false). libnghttp2 says
// nothing unless built for debugging. Call once, before threads start.
void TakeOverLibraryLogs();

}  // namespace sluice::app
