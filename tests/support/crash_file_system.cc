#include "tests/support/crash_file_system.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice {
namespace {

constexpr size_t kFates = 4;

// Of a directory's own entry too, which ends in a slash.
std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/', path.size() - 2);
  return slash == 0 ? "/" : path.substr(0, slash);
}

int Fail(int error) {
  errno = error;
  return -1;
}

void WriteInto(std::string* content, uint64_t offset, const std::string& bytes) {
  if (content->size() < offset + bytes.size()) content->resize(offset + bytes.size());
  content->replace(offset, bytes.size(), bytes);
}

}  // namespace

CrashFileSystem::CrashFileSystem(const DiskState& initial) {
  for (const auto& [path, content] : initial) {
    now_.names[path] = ++last_file_;
    now_.contents[last_file_] = content;
  }
  durable_ = now_;
}

void CrashFileSystem::Disk::Apply(const Step& step) {
  switch (step.kind) {
    case Kind::kWrite:
      WriteInto(&contents[step.file], step.offset, step.bytes);
      break;
    case Kind::kTruncate:
      contents[step.file].resize(step.offset);
      break;
    case Kind::kLink:
      names[step.to] = step.file;
      break;
    case Kind::kRename:
      names.erase(step.from);
      names[step.to] = step.file;
      break;
    case Kind::kUnlink:
      names.erase(step.from);
      break;
  }
}

size_t CrashFileSystem::UnsyncedSteps() const {
  MutexLock lock(&mutex_);
  return unsynced_.size();
}

DiskState CrashFileSystem::StateAfterPowerCut(const ChooseFate& choose) const {
  MutexLock lock(&mutex_);
  Disk disk = durable_;
  for (Step step : unsynced_) {
    uint64_t torn_bytes = 0;
    const Fate fate = choose(step.bytes.size(), &torn_bytes);
    if (fate == Fate::kLost) continue;
    if (fate == Fate::kZeros && step.kind == Kind::kWrite) {
      std::string& content = disk.contents[step.file];
      content.resize(std::max<size_t>(content.size(), step.offset + step.bytes.size()));
      continue;
    }
    if (fate == Fate::kTorn) step.bytes.resize(std::min<uint64_t>(torn_bytes, step.bytes.size()));
    disk.Apply(step);
  }
  return StateOf(disk);
}

std::vector<DiskState> CrashFileSystem::SampleStates(std::mt19937* random, size_t limit) const {
  std::vector<DiskState> states;
  // `before`, `at` and `after` the step `one`.
  const auto add = [&](size_t one, Fate before, Fate at, Fate after) {
    size_t step = 0;
    states.push_back(StateAfterPowerCut([&](uint64_t write_bytes, uint64_t* torn_bytes) {
      *torn_bytes = write_bytes == 0 ? 0 : (*random)() % write_bytes;
      const Fate fate = step == one ? at : step < one ? before : after;
      ++step;
      return fate;
    }));
  };
  add(0, Fate::kLost, Fate::kLost, Fate::kLost);
  add(0, Fate::kKept, Fate::kKept, Fate::kKept);
  for (size_t one = 0; one < UnsyncedSteps(); ++one) {
    add(one, Fate::kKept, Fate::kLost, Fate::kKept);
    add(one, Fate::kLost, Fate::kKept, Fate::kLost);
    add(one, Fate::kKept, Fate::kTorn, Fate::kLost);
    add(one, Fate::kKept, Fate::kZeros, Fate::kLost);
  }
  AddCombinations(random, limit, &states);
  return states;
}

void CrashFileSystem::AddCombinations(std::mt19937* random, size_t limit,
                                      std::vector<DiskState>* states) const {
  const size_t steps = UnsyncedSteps();
  size_t all = 1;
  for (size_t i = 0; i < steps && all <= limit; ++i) all *= kFates;
  for (size_t number = 0; number < std::min(all, limit); ++number) {
    size_t digits = all <= limit ? number : (*random)();
    states->push_back(StateAfterPowerCut([&](uint64_t write_bytes, uint64_t* torn_bytes) {
      const auto fate = static_cast<Fate>(digits % kFates);
      digits = all <= limit ? digits / kFates : (*random)();
      *torn_bytes = write_bytes == 0 ? 0 : (*random)() % write_bytes;
      return fate;
    }));
  }
}

DiskState CrashFileSystem::StateNow() const {
  MutexLock lock(&mutex_);
  return StateOf(now_);
}

void CrashFileSystem::TakeOver(const CrashFileSystem& other) {
  Disk now, durable;
  std::vector<Step> unsynced;
  int last_file;
  {
    MutexLock lock(&other.mutex_);
    now = other.now_;
    durable = other.durable_;
    unsynced = other.unsynced_;
    last_file = other.last_file_;
  }
  MutexLock lock(&mutex_);
  now_ = std::move(now);
  durable_ = std::move(durable);
  unsynced_ = std::move(unsynced);
  last_file_ = last_file;
}

void CrashFileSystem::Remount(const std::string& directory) {
  MutexLock lock(&mutex_);
  const std::string below = directory + "/";
  const auto is_below = [&](const std::string& path) {
    return path.compare(0, below.size(), below) == 0;
  };
  const auto& names = now_.names;
  std::erase_if(unsynced_, [&](const Step& step) {
    if (is_below(step.from) || is_below(step.to)) return true;
    return std::any_of(names.begin(), names.end(), [&](const auto& name) {
      return name.second == step.file && is_below(name.first);
    });
  });
  std::erase_if(now_.names, [&](const auto& name) { return is_below(name.first); });
  for (const auto& [path, file] : durable_.names) {
    if (!is_below(path)) continue;
    now_.names[path] = file;
    now_.contents[file] = durable_.contents[file];
  }
}

void CrashFileSystem::ForgetUnsynced(int fd) {
  MutexLock lock(&mutex_);
  const int file = open_files_.at(fd);
  std::erase_if(unsynced_, [&](const Step& step) {
    return step.file == file && (step.kind == Kind::kWrite || step.kind == Kind::kTruncate);
  });
}

DiskState CrashFileSystem::StateOf(const Disk& disk) const {
  DiskState state;
  for (const auto& [path, file] : disk.names) {
    const std::string directory = DirectoryOf(path) + "/";
    if (now_.names.count(directory) > 0 && disk.names.count(directory) == 0) continue;
    const auto content = disk.contents.find(file);
    state[path] = content == disk.contents.end() ? std::string() : content->second;
  }
  return state;
}

void CrashFileSystem::Settle(const std::function<bool(const Step&)>& is_synced) {
  for (const Step& step : unsynced_) {
    if (is_synced(step)) durable_.Apply(step);
  }
  std::erase_if(unsynced_, is_synced);
}

bool CrashFileSystem::IsOfDirectory(const Step& step, const std::string& directory) {
  switch (step.kind) {
    case Kind::kLink:
    case Kind::kRename:
      return DirectoryOf(step.to) == directory;
    case Kind::kUnlink:
      return DirectoryOf(step.from) == directory;
    default:
      return false;
  }
}

int CrashFileSystem::Open(const std::string& path, int flags, mode_t) {
  MutexLock lock(&mutex_);
  const auto found = now_.names.find(path);
  const bool is_directory = (flags & O_DIRECTORY) != 0;
  if (!is_directory && found == now_.names.end() && (flags & O_CREAT) == 0) return Fail(ENOENT);
  if (found != now_.names.end() && (flags & O_EXCL) != 0) return Fail(EEXIST);
  const int fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  open_files_.erase(fd);
  open_directories_.erase(fd);
  if (is_directory) {
    open_directories_[fd] = path;
    return fd;
  }
  int file = found == now_.names.end() ? 0 : found->second;
  if (file == 0) {
    file = ++last_file_;
    unsynced_.push_back({Kind::kLink, file, 0, {}, {}, path});
    now_.Apply(unsynced_.back());
  } else if ((flags & O_TRUNC) != 0) {
    unsynced_.push_back({Kind::kTruncate, file, 0, {}, {}, {}});
    now_.Apply(unsynced_.back());
  }
  open_files_[fd] = file;
  return fd;
}

ssize_t CrashFileSystem::Pwrite(int fd, const char* bytes, size_t size, uint64_t offset) {
  MutexLock lock(&mutex_);
  unsynced_.push_back({Kind::kWrite, open_files_.at(fd), offset, std::string(bytes, size), {}, {}});
  now_.Apply(unsynced_.back());
  return static_cast<ssize_t>(size);
}

ssize_t CrashFileSystem::Pwritev(int fd, const iovec* pieces, int count, uint64_t offset) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  }
  return CrashFileSystem::Pwrite(fd, bytes.data(), bytes.size(), offset);
}

ssize_t CrashFileSystem::Pread(int fd, char* bytes, size_t size, uint64_t offset) {
  MutexLock lock(&mutex_);
  const std::string& content = now_.contents[open_files_.at(fd)];
  if (offset >= content.size()) return 0;
  size = std::min<size_t>(size, content.size() - offset);
  std::memcpy(bytes, content.data() + offset, size);
  return static_cast<ssize_t>(size);
}

void CrashFileSystem::OnNextFileSync(std::function<void()> hook) {
  MutexLock lock(&mutex_);
  on_next_file_sync_ = std::move(hook);
}

int CrashFileSystem::Fsync(int fd) {
  std::function<void()> hook;
  {
    MutexLock lock(&mutex_);
    Sync(fd);
    if (open_directories_.count(fd) == 0) hook.swap(on_next_file_sync_);
  }
  if (hook) hook();
  return 0;
}

void CrashFileSystem::Sync(int fd) {
  if (const auto directory = open_directories_.find(fd); directory != open_directories_.end()) {
    Settle([&](const Step& step) { return IsOfDirectory(step, directory->second); });
    return;
  }
  const int file = open_files_.at(fd);
  Settle([&](const Step& step) {
    return step.file == file && (step.kind == Kind::kWrite || step.kind == Kind::kTruncate);
  });
}

int CrashFileSystem::Ftruncate(int fd, uint64_t size) {
  MutexLock lock(&mutex_);
  unsynced_.push_back({Kind::kTruncate, open_files_.at(fd), size, {}, {}, {}});
  now_.Apply(unsynced_.back());
  return 0;
}

int CrashFileSystem::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(&mutex_);
  const auto found = now_.names.find(from);
  if (found == now_.names.end()) return Fail(ENOENT);
  unsynced_.push_back({Kind::kRename, found->second, 0, {}, from, to});
  now_.Apply(unsynced_.back());
  return 0;
}

int CrashFileSystem::Unlink(const std::string& path) {
  MutexLock lock(&mutex_);
  const auto found = now_.names.find(path);
  if (found == now_.names.end()) return Fail(ENOENT);
  unsynced_.push_back({Kind::kUnlink, found->second, 0, {}, path, {}});
  now_.Apply(unsynced_.back());
  return 0;
}

int CrashFileSystem::Mkdir(const std::string& path, mode_t) {
  MutexLock lock(&mutex_);
  const std::string name = path + "/";
  // The first name that is not before it is its own, or that of a file in it.
  const auto found = now_.names.lower_bound(name);
  if (found != now_.names.end() && found->first.compare(0, name.size(), name) == 0) {
    return Fail(EEXIST);
  }
  unsynced_.push_back({Kind::kLink, ++last_file_, 0, {}, {}, name});
  now_.Apply(unsynced_.back());
  return 0;
}

int CrashFileSystem::Statvfs(const std::string&, struct statvfs* result) {
  *result = {};
  result->f_frsize = 4096;
  result->f_blocks = 1 << 30;
  return 0;
}

int CrashFileSystem::Flock(int, int) { return 0; }

int64_t CrashFileSystem::FileSize(int fd) {
  MutexLock lock(&mutex_);
  return static_cast<int64_t>(now_.contents[open_files_.at(fd)].size());
}

int CrashFileSystem::List(const std::string& path, std::vector<std::string>* names) {
  MutexLock lock(&mutex_);
  for (const auto& [name, file] : now_.names) {
    if (DirectoryOf(name) == path && name.back() != '/')
      names->push_back(name.substr(path.size() + 1));
  }
  return 0;
}

}  // namespace sluice
