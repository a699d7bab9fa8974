// Foreign bytes as the only segment of a journal: opening it, reading it and writing on must end,
// and what recovery shows is what readers read.
//
// An input that begins with an even byte is the segment behind that byte; else triples of offset
// (two bytes) and mask change a sound segment, so that the search gets past the checksums.
#include <cstdlib>
#include <string>

#include "tests/support/crash_file_system.h"
#include "tests/support/journal_harness.h"

namespace sluice::journal {
namespace {

const std::string kPath = "/journal/" + SegmentName(1);

std::string SoundSegment() {
  CrashFileSystem fs;
  JournalRun run(JournalRun::TestOptions(&fs, "/journal"));
  for (const char* word : {"one", "two", "three", "four"}) run.Write(word);
  run.journal().Checkpoint();
  return fs.StateNow()[kPath];
}

std::string SegmentFrom(std::string_view input) {
  if (input.empty()) return {};
  const bool is_raw = input[0] % 2 == 0;
  input.remove_prefix(1);
  if (is_raw) return std::string(input);
  static const std::string sound = SoundSegment();
  std::string bytes = sound;
  for (; input.size() >= 3; input.remove_prefix(3)) {
    const auto* change = reinterpret_cast<const uint8_t*>(input.data());
    bytes[static_cast<size_t>(change[0] << 8 | change[1]) % bytes.size()] ^=
        static_cast<char>(change[2]);
  }
  return bytes;
}

void Check(const std::string& segment) {
  CrashFileSystem fs(DiskState{{kPath, segment}});
  RecordingVisitor visitor;
  const auto journal = Journal::Open(JournalRun::TestOptions(&fs, "/journal"), &visitor);
  if (!journal.ok()) return;
  (*journal)->Start([] { return std::string(); }, [](uint64_t) {});
  const std::string batch = BatchOf(0, {"written"});
  const auto sequence = (*journal)->Append(0, {std::string_view(batch)}, Urgency::kNow);
  (*journal)->CommitTurn();
  const Words words = ReadAll(journal->get());
  for (const auto& [found, word] : visitor.words()) {
    if (words.count(found) == 0 || words.at(found) != word) std::abort();
  }
  if (sequence.ok() && (words.empty() || words.rbegin()->first != *sequence)) std::abort();
}

}  // namespace
}  // namespace sluice::journal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice::journal;
  Check(SegmentFrom({reinterpret_cast<const char*>(data), size}));
  return 0;
}
