// Problem: At start two directories may hold segments: the one on disk, and the one in memory that
// an earlier run of this boot wrote to. Each may be missing, not writable, or hold what another
// machine, another release or another journal wrote. Numbers must go on where they ended, and
// entries of different journals must not mix.
//
// States: ChooseLocation tries the disk first (OnDisk): it takes over what is in memory, then sets
// aside what it cannot go on with. Where any of that fails the journal goes on in memory
// (InMemory), and the disk's segments are only read. FallBackToMemory does the same when recovery
// finds that the disk fails. Journal::MoveToDisk later goes the other way.
//
// Invariants:
// * Segments of different epochs are never joined. The same numbers would mean different entries,
//   so sinks would go on at wrong places and clients be told of records that are not there.
// * A journal that cannot be gone on with is renamed, not removed. Where that fails, it stays and
//   OnDisk fails. One of another release is never removed; any other gives way to the next that is
//   set aside.
// * Another live agent ends the start (ALREADY_EXISTS) instead of leading to memory. Otherwise two
//   agents would acknowledge to the clients of one host.
// * The lock of the disk's directory is kept while it is only read: OnDisk moves `disk` on success
//   alone.

#include "agent/journal/location.h"

#include <sys/random.h>

#include <utility>
#include <vector>

#include "agent/base/log.h"
#include "agent/base/message_ids.h"
#include "agent/base/status_macros.h"

namespace sluice::journal {
namespace {

absl::StatusOr<Epoch> MakeEpoch() {
  Epoch epoch;
  if (::getrandom(epoch.bytes.data(), epoch.bytes.size(), 0) !=
      static_cast<ssize_t>(epoch.bytes.size())) {
    return ErrnoStatus("getrandom");
  }
  return epoch;
}

bool Differ(const std::string& stored, const std::string& current) {
  return !stored.empty() && !current.empty() && stored != current.substr(0, kIdTextBytes - 1);
}

bool IsOfAnotherMachine(const SegmentHeader& header, const Options& options) {
  return Differ(header.vm_id, options.vm_id) || Differ(header.machine_id, options.machine_id);
}

absl::Status SetAside(const Options& options, const Directory& directory, const char* reason) {
  LogWarning(absl::StrCat("journal: set aside what is in ", directory.path(), ": ", reason),
             kJournalSetAside);
  if (options.counters != nullptr) options.counters->Add("journal.set_aside", reason);
  return directory.SetAside();
}

// The release that wrote it can read it there; nothing of ours ever removes it.
absl::Status SetAsideForeign(const Options& options, const Directory& directory, uint32_t version) {
  LogWarning(absl::StrCat("journal: set aside what another release wrote to ", directory.path(),
                          ", in format ", version),
             kJournalSetAside);
  if (options.counters != nullptr) options.counters->Add("journal.set_aside", "other_format");
  return directory.SetAsideForeign(version);
}

absl::StatusOr<bool> HasSegments(const Directory& directory) {
  const auto segments = directory.Segments();
  if (!segments.ok()) return segments.status();
  return !segments->empty();
}

// What an earlier run of this boot wrote to memory goes behind what is on disk.
absl::Status TakeFromMemory(const Options& options, const Directory& disk) {
  std::vector<std::string> names;
  if (options.memory_directory.empty()) return absl::OkStatus();
  if (options.file_system->List(options.memory_directory, &names) != 0) return absl::OkStatus();
  const absl::StatusOr<Directory> memory =
      Directory::Open(*options.file_system, options.memory_directory);
  if (!memory.ok()) return memory.status();
  const auto newest = memory->FindNewest();
  if (!newest.ok()) return newest.status();
  if (newest->foreign_version != 0) {
    return SetAsideForeign(options, *memory, newest->foreign_version);
  }
  if (!newest->header) return absl::OkStatus();
  RETURN_IF_ERROR(SetAsideOthers(options, disk, newest->header->epoch));
  return memory->MoveSegmentsTo(disk);
}

// Empties `directory` of what cannot be read here; returns the newest header that is left.
absl::StatusOr<std::optional<SegmentHeader>> Adopt(const Options& options,
                                                   const Directory& directory) {
  const absl::StatusOr<bool> has_segments = HasSegments(directory);
  if (!has_segments.ok()) return has_segments.status();
  if (!*has_segments) return std::optional<SegmentHeader>();
  auto newest = directory.FindNewest();
  if (!newest.ok()) return newest.status();
  std::optional<SegmentHeader>& header = newest->header;
  if (newest->foreign_version != 0) {
    RETURN_IF_ERROR(SetAsideForeign(options, directory, newest->foreign_version));
  } else if (!header) {
    RETURN_IF_ERROR(SetAside(options, directory, "unreadable"));
  } else if (IsOfAnotherMachine(*header, options)) {
    RETURN_IF_ERROR(SetAside(options, directory, "other_machine"));
    header.reset();
  }
  return header;
}

// `disk` stays where it fails.
absl::StatusOr<Location> OnDisk(const Options& options, Directory& disk) {
  disk.RemoveLeftovers();
  RETURN_IF_ERROR(TakeFromMemory(options, disk));
  const auto header = Adopt(options, disk);
  if (!header.ok()) return header.status();
  const absl::StatusOr<Epoch> epoch = *header ? (*header)->epoch : MakeEpoch();
  if (!epoch.ok()) return epoch.status();
  auto segments = disk.Segments();
  if (!segments.ok()) return segments.status();
  return Location{std::move(disk), std::nullopt, false, *std::move(segments), *epoch};
}

// What lies on disk behind the first segment in memory was written again there, or given up.
void AddEarlier(const std::map<uint64_t, std::string>& on_disk,
                std::map<uint64_t, std::string>* in_memory) {
  const uint64_t end = in_memory->empty() ? UINT64_MAX : in_memory->begin()->first;
  in_memory->insert(on_disk.begin(), on_disk.lower_bound(end));
}

// The journal on a disk that can only be read goes on in memory, under the same numbers.
absl::StatusOr<Location> InMemory(const Options& options, std::optional<Directory> disk) {
  absl::StatusOr<Directory> memory =
      Directory::Open(*options.file_system, options.memory_directory);
  if (!memory.ok()) return memory.status();
  RETURN_IF_ERROR(memory->CheckWritable());
  memory->RemoveLeftovers();
  auto newest = memory->FindNewest();
  if (!newest.ok()) return newest.status();
  if (newest->foreign_version != 0) {
    RETURN_IF_ERROR(SetAsideForeign(options, *memory, newest->foreign_version));
  }
  auto segments = memory->Segments();
  if (!segments.ok()) return segments.status();
  std::optional<SegmentHeader> header = newest->header;
  const auto on_disk = disk ? disk->FindNewest() : Directory::Newest();
  if (on_disk.ok() && on_disk->header && !IsOfAnotherMachine(*on_disk->header, options) &&
      (!header || header->epoch == on_disk->header->epoch)) {
    if (auto earlier = disk->Segments(); earlier.ok()) AddEarlier(*earlier, &*segments);
    header = on_disk->header;
  }
  const absl::StatusOr<Epoch> epoch = header ? header->epoch : MakeEpoch();
  if (!epoch.ok()) return epoch.status();
  return Location{*std::move(memory), std::move(disk), true, *std::move(segments), *epoch};
}

absl::StatusOr<Location> InMemoryBecause(const Options& options, std::optional<Directory> disk,
                                         const absl::Status& why) {
  if (options.memory_directory.empty()) return Annotate(why, "open the journal");
  LogWarning(absl::StrCat("journal: in memory, since the disk cannot be written: ", why.message()),
             kJournalInMemory);
  return InMemory(options, std::move(disk));
}

}  // namespace

absl::StatusOr<Location> ChooseLocation(const Options& options) {
  absl::StatusOr<Directory> disk = Directory::Open(*options.file_system, options.directory);
  if (absl::IsAlreadyExists(disk.status())) return disk.status();
  absl::Status writable = disk.ok() ? disk->CheckWritable() : disk.status();
  if (writable.ok()) {
    absl::StatusOr<Location> on_disk = OnDisk(options, *disk);
    if (on_disk.ok()) return on_disk;
    writable = on_disk.status();
  }
  std::optional<Directory> read_only;
  if (disk.ok()) read_only = *std::move(disk);
  return InMemoryBecause(options, std::move(read_only), writable);
}

absl::StatusOr<Location> LocationForReading(const Options& options) {
  Directory directory = Directory::ForReading(*options.file_system, options.directory);
  const auto newest = directory.FindNewest();
  if (!newest.ok()) return newest.status();
  if (newest->foreign_version != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        directory.path(), " was written by another release, in format ", newest->foreign_version));
  }
  auto segments = directory.Segments();
  if (!segments.ok()) return segments.status();
  if (segments->empty()) {
    return absl::NotFoundError(absl::StrCat("no journal in ", directory.path()));
  }
  const Epoch epoch = newest->header ? newest->header->epoch : Epoch();
  return Location{std::move(directory), std::nullopt, false, *std::move(segments), epoch};
}

absl::StatusOr<Location> FallBackToMemory(const Options& options, Location failed,
                                          const absl::Status& why) {
  if (failed.in_memory) return why;
  return InMemoryBecause(options, std::move(failed.active), why);
}

absl::Status SetAsideOthers(const Options& options, const Directory& disk, const Epoch& epoch) {
  const absl::StatusOr<bool> has_segments = HasSegments(disk);
  if (!has_segments.ok()) return has_segments.status();
  if (!*has_segments) return absl::OkStatus();
  const auto newest = disk.FindNewest();
  if (!newest.ok()) return newest.status();
  if (newest->foreign_version != 0) {
    return SetAsideForeign(options, disk, newest->foreign_version);
  }
  if (newest->header && newest->header->epoch == epoch) return absl::OkStatus();
  return SetAside(options, disk, "unseen");
}

}  // namespace sluice::journal
