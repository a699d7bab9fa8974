#include "agent/app/bundle.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/status_macros.h"
#include "agent/net/http/content_coding.h"
#include "proto/base/bundle.h"
#include "proto/base/tar.h"

namespace sluice::app {
namespace {

constexpr size_t kMaxBytes = 512 << 20;
constexpr std::string_view kGzipMagic = "\x1f\x8b";

absl::Status NoBundle(const std::string& path) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, " is neither a directory nor a whole file of 'sluice collect'"));
}

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  FileSystem& fs = FileSystem::System();
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(fs, path, O_RDONLY));
  const int64_t size = fs.FileSize(file.get());
  if (size < 0) return ErrnoStatus(absl::StrCat("stat ", path));
  if (static_cast<uint64_t>(size) > kMaxBytes) return NoBundle(path);
  std::string bytes(static_cast<size_t>(size), '\0');
  ASSIGN_OR_RETURN(const size_t got, ReadAt(fs, file.get(), bytes.data(), bytes.size(), 0));
  bytes.resize(got);
  return bytes;
}

absl::StatusOr<UniqueFd> MakeMemoryFile(std::string_view content) {
  UniqueFd file(::memfd_create("sluice", MFD_CLOEXEC));
  if (!file) return ErrnoStatus("memfd_create");
  RETURN_IF_ERROR(WriteAll(FileSystem::System(), file.get(), content, 0));
  return file;
}

std::string PathOf(const UniqueFd& file) { return absl::StrCat("/proc/self/fd/", file.get()); }

int Refuse() {
  errno = EROFS;
  return -1;
}

}  // namespace

// By their names in the archive, behind a slash.
class Bundle::Files final : public FileSystem {
 public:
  void Add(const std::string& name, UniqueFd content) { files_["/" + name] = std::move(content); }
  const UniqueFd* Find(const std::string& path) const {
    const auto found = files_.find(path);
    return found == files_.end() ? nullptr : &found->second;
  }

  int Open(const std::string& path, int flags, mode_t mode) override {
    if ((flags & O_ACCMODE) != O_RDONLY) return Refuse();
    if (const UniqueFd* const file = Find(path)) return System().Open(PathOf(*file), flags, mode);
    errno = ENOENT;
    return -1;
  }
  int List(const std::string& path, std::vector<std::string>* names) override {
    for (const auto& [name, file] : files_) {
      if (name.starts_with(path + "/")) names->push_back(name.substr(path.size() + 1));
    }
    return 0;
  }
  ssize_t Pread(int fd, char* bytes, size_t size, uint64_t offset) override {
    return System().Pread(fd, bytes, size, offset);
  }
  int64_t FileSize(int fd) override { return System().FileSize(fd); }
  int Statvfs(const std::string&, struct statvfs*) override { return Refuse(); }
  ssize_t Pwrite(int, const char*, size_t, uint64_t) override { return Refuse(); }
  ssize_t Pwritev(int, const iovec*, int, uint64_t) override { return Refuse(); }
  int Fsync(int) override { return Refuse(); }
  int Fdatasync(int) override { return Refuse(); }
  int Ftruncate(int, uint64_t) override { return Refuse(); }
  int Rename(const std::string&, const std::string&) override { return Refuse(); }
  int Unlink(const std::string&) override { return Refuse(); }
  int Mkdir(const std::string&, mode_t) override { return Refuse(); }
  int Flock(int, int) override { return Refuse(); }

 private:
  std::map<std::string, UniqueFd> files_;
};

Bundle::Bundle() : files_(std::make_unique<Files>()) {}
Bundle::Bundle(Bundle&&) noexcept = default;
Bundle& Bundle::operator=(Bundle&&) noexcept = default;
Bundle::~Bundle() = default;

absl::StatusOr<Bundle> Bundle::Open(const std::string& path) {
  ASSIGN_OR_RETURN(std::string bytes, ReadWhole(path));
  if (bytes.starts_with(kGzipMagic)) {
    auto decoded = net::DecodeContent(net::ContentCoding::kGzip, bytes, kMaxBytes);
    if (!decoded.ok()) return NoBundle(path);
    bytes = *std::move(decoded);
  }
  const auto members = ReadTar(bytes);
  if (!members) return NoBundle(path);
  Bundle opened;
  for (const TarMember& member : *members) {
    if (!member.name.starts_with(bundle::kTop)) continue;
    const std::string name = member.name.substr(bundle::kTop.size());
    if (!name.starts_with(bundle::kJournal) && name != bundle::kPool) continue;
    ASSIGN_OR_RETURN(UniqueFd file, MakeMemoryFile(member.content));
    opened.files_->Add(name, std::move(file));
  }
  return opened;
}

FileSystem& Bundle::files() const { return *files_; }

std::string Bundle::journal() const {
  return "/" + std::string(bundle::kJournal.substr(0, bundle::kJournal.size() - 1));
}

std::string Bundle::PoolPath() const {
  const UniqueFd* const pool = files_->Find("/" + std::string(bundle::kPool));
  return pool == nullptr ? "" : PathOf(*pool);
}

}  // namespace sluice::app
