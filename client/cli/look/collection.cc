#include "client/cli/look/collection.h"

#include <libdeflate.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <system_error>

#include "client/cli/render/text.h"
#include "proto/base/bundle.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kCompressionLevel = 6;
constexpr std::string_view kSegmentSuffix = ".seg";

std::string Compress(std::string_view bytes) {
  const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> compressor(
      libdeflate_alloc_compressor(kCompressionLevel), libdeflate_free_compressor);
  std::string out(libdeflate_gzip_compress_bound(compressor.get(), bytes.size()), '\0');
  out.resize(libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(), out.data(),
                                      out.size()));
  return out;
}

// Newest first. An error is told by errno.
std::vector<fs::path> SegmentsOf(const std::string& directory, std::error_code* error) {
  std::vector<fs::path> segments;
  for (fs::directory_iterator it(directory, *error), end; !*error && it != end;
       it.increment(*error)) {
    if (it->path().extension() == kSegmentSuffix) segments.push_back(it->path());
  }
  std::ranges::sort(segments, std::ranges::greater());
  return segments;
}

}  // namespace

void Collection::Add(std::string_view name, std::string_view content) {
  files_.push_back({std::string(name), std::string(content)});
}

void Collection::AddFile(std::string_view name, const std::string& path, uint64_t max_bytes) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    return LeaveOut(path, error ? error.message() : "it is no file");
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto size = static_cast<uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
  const uint64_t skipped = size > max_bytes ? size - max_bytes : 0;
  std::string content(size - skipped, '\0');
  file.seekg(static_cast<std::streamoff>(skipped));
  if (!file.read(content.data(), static_cast<std::streamsize>(content.size()))) {
    return LeaveOut(path, std::strerror(errno));
  }
  if (skipped > 0) LeaveOut("the first " + FormatBytes(skipped) + " of " + path, "too large");
  files_.push_back({std::string(name), std::move(content)});
}

void Collection::AddJournal(const std::string& directory, uint64_t max_bytes) {
  std::error_code error;
  std::vector<fs::path> segments = SegmentsOf(directory, &error);
  if (error) return LeaveOut("the journal in " + directory, error.message());
  if (segments.empty()) return LeaveOut("the journal in " + directory, "nothing is there");
  uint64_t taken = 0;
  size_t kept = 0;
  for (; kept < segments.size(); ++kept) {
    const uintmax_t size = fs::file_size(segments[kept], error);
    if (kept > 0 && taken + size > max_bytes) break;
    taken += size;
  }
  if (kept < segments.size()) {
    LeaveOut("the journal's oldest " + std::to_string(segments.size() - kept) + " of " +
                 std::to_string(segments.size()) + " segments",
             "too large");
  }
  segments.resize(kept);
  std::ranges::reverse(segments);
  for (const fs::path& segment : segments) {
    AddFile(std::string(bundle::kJournal) + segment.filename().string(), segment.string(),
            UINT64_MAX);
  }
}

void Collection::LeaveOut(const std::string& what, const std::string& why) {
  left_out_.push_back(what + ": " + why);
}

std::string Collection::Contents() const {
  std::string text =
      "Collected by 'sluice collect'. 'sluice why --journal FILE' and the other views "
      "read this file.\n\nHolds:\n";
  for (const File& file : files_) {
    text += "  " + file.name + "  " + FormatBytes(file.content.size()) + '\n';
  }
  if (!left_out_.empty()) text += "\nLeft out:\n";
  for (const std::string& what : left_out_) text += "  " + EscapeControls(what) + '\n';
  return text;
}

std::string Collection::Pack() && {
  TarWriter writer;
  const std::string top(bundle::kTop);
  writer.Add(top + "README", Contents(), unix_seconds_);
  for (File& file : files_) {
    writer.Add(top + file.name, file.content, unix_seconds_);
    std::string().swap(file.content);
  }
  return Compress(std::move(writer).Finish());
}

}  // namespace sluice::cli
