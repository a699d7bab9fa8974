#include "client/cli/kvp/write_verbs.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "client/cli/kvp/pool_source.h"
#include "client/cli/kvp/text_input.h"
#include "client/cli/verb.h"
#include "proto/base/unique_fd.h"
#include "proto/wire/utf8.h"

namespace sluice::cli {
namespace {

// For what prints nothing.
int Change(const GlobalOptions& options, kvp::PoolEdit edit) {
  edit.unsafe = options.pool.unsafe;
  const Result<size_t> removed = EditPool(options, edit);
  return removed.ok() ? kExitOk : Fail(removed.failure());
}

Failure UnreadableFile(const std::string& name) {
  return {kExitIo, "read " + name + ": " + std::strerror(errno)};
}

// All of a file, or of stdin where `path` is empty. By read(2): a stream takes an error for the
// end, and half of a file would replace the pool.
Result<std::string> ReadInput(const std::string& path) {
  const std::string name = path.empty() ? "stdin" : path;
  const UniqueFd file(path.empty() ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!path.empty() && !file) return UnreadableFile(name);
  const int fd = path.empty() ? STDIN_FILENO : file.get();
  std::string text;
  char buffer[64 * 1024];
  ssize_t size;
  while ((size = ::read(fd, buffer, sizeof(buffer))) != 0) {
    if (size > 0) {
      text.append(buffer, static_cast<size_t>(size));
    } else if (errno != EINTR) {
      return UnreadableFile(name);
    }
  }
  if (!IsValidUtf8(text)) return Failure{kExitIo, name + " did not contain valid UTF-8"};
  return text;
}

int ChangeByLines(CLI::App& app, kvp::PoolEdit edit, GlobalOptions options,
                  std::vector<std::string> arguments) {
  std::string path;
  AddPoolOptions(app, &options);
  app.add_option("--file", path, "Read the lines here instead of from stdin")->type_name("PATH");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<std::string> text = ReadInput(path);
  if (!text.ok()) return Fail(text.failure());
  Result<std::vector<kvp::KeyValue>> records = ParseRecordLines(*text);
  if (!records.ok()) return Fail(records.failure());
  edit.records = std::move(*records);
  return Change(options, std::move(edit));
}

// Takes off what stands behind a `--`, and that: no options, whatever they look like.
std::vector<std::string> TakeMarked(std::vector<std::string>* arguments) {
  const auto mark = std::find(arguments->begin(), arguments->end(), "--");
  if (mark == arguments->end()) return {};
  std::vector<std::string> marked(mark + 1, arguments->end());
  arguments->erase(mark, arguments->end());
  return marked;
}

// `{"removed": WHAT}`, or a line.
int PrintRemoved(const GlobalOptions& options, const std::string& what) {
  return Print(options.json ? "{\"removed\": " + what + "}\n" : what + '\n');
}

}  // namespace

int WriteVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Sets the value of a key and removes its other records.", "sluice kvp write");
  bool append = false;
  kvp::KeyValue record;
  AddPoolOptions(app, &options);
  app.add_flag("--append", append, "Keep the key's records and add one behind them");
  app.add_option("KEY", record.key, "At most 254 bytes")->required();
  app.add_option("VALUE", record.value, "At most 1022 bytes")->required();
  app.footer("Example:\n  sluice kvp write build 1234");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  return Change(options,
                {.kind = append ? kvp::PoolEdit::Kind::kAppend : kvp::PoolEdit::Kind::kUpsert,
                 .records = {std::move(record)}});
}

int LoadVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Replaces the whole pool by KEY=VALUE lines.", "sluice kvp load");
  app.footer("Example:\n  sluice kvp load --file records.txt");
  return ChangeByLines(app, {.kind = kvp::PoolEdit::Kind::kLoad}, std::move(options),
                       std::move(arguments));
}

int AppendMultipleVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Adds KEY=VALUE lines at the end, adjacent to each other.",
               "sluice kvp append-multiple");
  app.footer("Example:\n  printf 'a=1\\nb=2\\n' | sluice kvp append-multiple");
  return ChangeByLines(app, {.kind = kvp::PoolEdit::Kind::kAppend}, std::move(options),
                       std::move(arguments));
}

int DeleteVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Removes every record with this key and prints whether there was one.",
               "sluice kvp delete");
  std::string key;
  AddPoolOptions(app, &options);
  app.add_option("KEY", key, "The whole key")->required();
  app.footer("Example:\n  sluice kvp delete build");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  const Result<size_t> removed =
      EditPool(options, {.kind = kvp::PoolEdit::Kind::kRemove, .keys = {key}});
  if (!removed.ok()) return Fail(removed.failure());
  return PrintRemoved(options, *removed > 0 ? "true" : "false");
}

int DeleteMultipleVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Removes every record with one of these keys and prints how many.",
               "sluice kvp delete-multiple");
  AddPoolOptions(app, &options);
  // A list of positional arguments would take a key `[a,b]` for two.
  app.allow_extras();
  SetUsage(app, "sluice kvp delete-multiple [OPTIONS] KEY...");
  app.footer("Example:\n  sluice kvp delete-multiple build commit");
  const std::vector<std::string> marked = TakeMarked(&arguments);
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  std::vector<std::string> keys = app.remaining();
  for (const std::string& key : keys) {
    if (key.size() > 1 && key.front() == '-') {
      return Fail({kExitUsage, "there is no option " + key + "; such a key stands behind '--'"});
    }
  }
  keys.insert(keys.end(), marked.begin(), marked.end());
  if (keys.empty())
    return Fail({kExitUsage, "KEY is required; see '" + app.get_name() + " --help'"});
  const Result<size_t> removed =
      EditPool(options, {.kind = kvp::PoolEdit::Kind::kRemove, .keys = std::move(keys)});
  if (!removed.ok()) return Fail(removed.failure());
  return PrintRemoved(options, std::to_string(*removed));
}

int ClearVerb(GlobalOptions options, std::vector<std::string> arguments) {
  CLI::App app("Removes every record.", "sluice kvp clear");
  kvp::PoolEdit edit{.kind = kvp::PoolEdit::Kind::kClear};
  AddPoolOptions(app, &options);
  app.add_flag("--if-stale", edit.if_stale, "Only if the pool was last written before this boot");
  app.footer("Example:\n  sluice kvp clear --if-stale");
  if (const auto code = ParseArguments(app, std::move(arguments))) return *code;
  return Change(options, edit);
}

}  // namespace sluice::cli
