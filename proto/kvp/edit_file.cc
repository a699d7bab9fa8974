#include "proto/kvp/edit_file.h"

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "proto/kvp/boot_time.h"
#include "proto/kvp/removal_note.h"

namespace sluice::kvp {
namespace {

PoolResult<size_t> EditLocked(PoolStore* store, const PoolEdit& edit) {
  PoolResult<PoolStore::Session> session = store->Lock();
  if (!session.ok()) {
    if (session.error().code != ENOENT || edit.adds()) return session.error();
    // Nothing is there. An agent may want to put it back all the same.
    if (edit.if_stale) return 0;
    if (PoolError error = NoteRemovals(store->path(), edit); !error.ok()) return error;
    return 0;
  }
  if (edit.if_stale) {
    const PoolResult<time_t> boot_time = ReadBootTime();
    if (!boot_time.ok()) return boot_time.error();
    if (!WrittenBeforeBoot(session->modified(), *boot_time)) return 0;
  }
  const PoolResult<std::string> before = session->Read(0, session->size());
  if (!before.ok()) return before.error();
  const EditedPool edited = ApplyEdit(edit, *before);
  if (!edited.error.empty()) return PoolError{EINVAL, edited.error};
  if (PoolError error = NoteRemovals(store->path(), edit); !error.ok()) return error;
  if (PoolError error = session->Replace(*before, edited.records); !error.ok()) return error;
  return edited.removed;
}

}  // namespace

PoolResult<size_t> EditPoolFile(PoolStore::Options options, const PoolEdit& edit) {
  if (edit.idle()) return 0;
  if (edit.if_stale) {
    // Looked at before anything is mended: what is not stale stays as it is, byte for byte.
    const PoolResult<bool> stale = IsStale(options.path);
    if (!stale.ok()) return stale.error();
    std::error_code error;  // and whatever is no file is told where it is opened
    if (!*stale && std::filesystem::is_regular_file(options.path, error)) return 0;
  }
  options.create = edit.adds();
  // What a writer that died left behind is no reason to keep the rest.
  if (edit.kind == PoolEdit::Kind::kClear) options.torn = PoolStore::Options::Torn::kCut;
  PoolStore store(std::move(options));
  PoolResult<size_t> removed = EditLocked(&store, edit);
  if (!removed.ok()) return removed;
  if (PoolError error = store.Sync(); !error.ok()) return error;
  return removed;
}

}  // namespace sluice::kvp
