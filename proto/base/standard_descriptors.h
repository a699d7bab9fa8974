// Descriptors 0 to 2 of a program that was started with some of them closed.
#pragma once

namespace sluice {

// Opens /dev/null on each closed one, so that no file or socket opened later gets the number of
// stdin, stdout or stderr, and then what is meant for a person. Reading stdin and writing stdout
// still fail with EBADF, as on the closed descriptor; stderr swallows what is written. exec closes
// them again. First thing in main, before another thread may open anything.
void HoldStandardDescriptors();

}  // namespace sluice
