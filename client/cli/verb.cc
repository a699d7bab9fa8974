#include "client/cli/verb.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <sstream>

#include "client/cli/render/text.h"

namespace sluice::cli {
namespace {

// Insertions, deletions and replacements between two short words.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

class UsageFormatter : public CLI::Formatter {
 public:
  explicit UsageFormatter(std::string usage) : usage_(std::move(usage)) {}
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: " + usage_ + '\n';
  }

 private:
  std::string usage_;
};

// What is wrong with the first word that `app` does not take; empty: it takes all.
std::string UnexpectedWord(const CLI::App& app) {
  const std::vector<std::string> words = app.remaining();
  if (words.empty()) return {};
  const bool is_marked = words.front() == "--";
  if (is_marked && words.size() == 1) return {};
  const std::string& word = words[is_marked ? 1 : 0];
  if (is_marked || !word.starts_with('-')) return "unexpected word '" + word + "'";
  const auto is_positional = [](const CLI::Option* option) { return option->get_positional(); };
  const bool takes_words = !app.get_options(is_positional).empty();
  return "unknown option '" + word + "'" +
         (takes_words ? "; a word that begins with a dash is written behind '--'" : "");
}

// A word that is missing may be the one that was taken for an option.
std::string WhatIsWrong(const CLI::App& app, const CLI::ParseError& error) {
  const auto is = [&error](CLI::ExitCodes code) {
    return error.get_exit_code() == static_cast<int>(code);
  };
  const bool may_be_unexpected =
      is(CLI::ExitCodes::ExtrasError) || is(CLI::ExitCodes::RequiredError);
  const std::string unexpected = may_be_unexpected ? UnexpectedWord(app) : std::string();
  return unexpected.empty() ? error.what() : unexpected;
}

// The first of `words` is the verb's name.
int Call(const VerbGroup& group, const Verb& verb, GlobalOptions options,
         std::vector<std::string> words) {
  if (options.is_offline() && !verb.takes_journal) {
    return Fail({kExitUsage, "'" + std::string(group.name) + ' ' + words.front() +
                                 "' needs the running agent, not --journal or --root"});
  }
  words.erase(words.begin());
  return verb.main(std::move(options), std::move(words));
}

}  // namespace

void SetUsage(CLI::App& app, std::string usage) {
  app.formatter(std::make_shared<UsageFormatter>(std::move(usage)));
}

void Note(std::string_view text) {
  std::fprintf(stderr, "sluice: %s\n", EscapeControls(text).c_str());
}

int Fail(const Failure& failure) {
  Note(failure.message);
  return failure.code;
}

int Print(std::string_view text) {
  return PrintBy([&](const TextSink& out) { out(text); });
}

int PrintBy(const Rendering& render) {
  int error = 0;
  render([&](std::string_view text) {
    const bool is_lost = error != 0;
    if (!is_lost && std::fwrite(text.data(), 1, text.size(), stdout) < text.size()) error = errno;
  });
  if (error == 0 && std::fflush(stdout) != 0) error = errno;
  if (error == 0) return kExitOk;
  return Fail({kExitIo, std::string("write to stdout: ") + std::strerror(error)});
}

std::string_view NearestName(std::string_view typed, std::span<const Verb> known) {
  std::string_view nearest;
  size_t smallest = std::max<size_t>(2, typed.size() / 2) + 1;
  for (const Verb& verb : known) {
    const size_t distance =
        !typed.empty() && verb.name.starts_with(typed) ? 1 : EditDistance(typed, verb.name);
    // A word of which nothing is left was not misspelt.
    if (distance >= smallest || distance >= std::max(typed.size(), verb.name.size())) continue;
    smallest = distance;
    nearest = verb.name;
  }
  return nearest;
}

const Verb* FindVerb(std::span<const Verb> verbs, std::string_view name) {
  const auto found = std::ranges::find(verbs, name, &Verb::name);
  return found == verbs.end() ? nullptr : &*found;
}

std::string ListVerbs(std::span<const Verb> verbs) {
  size_t width = 0;
  for (const Verb& verb : verbs) width = std::max(width, verb.name.size());
  std::ostringstream out;
  out << "\nVerbs:\n";
  for (const Verb& verb : verbs) {
    out << "  " << verb.name << std::string(width - verb.name.size() + 2, ' ') << verb.summary
        << '\n';
  }
  return out.str();
}

int UnknownVerb(std::string_view group, std::span<const Verb> verbs, std::string_view typed) {
  const std::string name(group);
  std::string message = "unknown verb '" + std::string(typed) + "' of '" + name + "'";
  const std::string_view nearest = NearestName(typed, verbs);
  if (!nearest.empty()) message += "; did you mean '" + std::string(nearest) + "'?";
  return Fail(
      {kExitUsage, message + (nearest.empty() ? ";" : "") + " '" + name + " --help' lists them"});
}

std::optional<int> ParseArguments(CLI::App& app, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::Success& asked) {
    std::ostringstream text;
    app.exit(asked, text, text);
    return Print(text.str());
  } catch (const CLI::ParseError& error) {
    const std::string what = WhatIsWrong(app, error);
    return Fail({kExitUsage, what + "; see '" + app.get_name() + " --help'"});
  }
  return std::nullopt;
}

int Dispatch(const VerbGroup& group, GlobalOptions options, std::vector<std::string> arguments) {
  // Most often the verb is the first word, which takes no parser to tell.
  const Verb* const first = arguments.empty() ? nullptr : FindVerb(group.verbs, arguments.front());
  if (first != nullptr) return Call(group, *first, std::move(options), std::move(arguments));

  CLI::App app(std::string(group.description), std::string(group.name));
  group.add_options(app, &options);
  if (!group.version.empty()) app.set_version_flag("--version", std::string(group.version));
  app.prefix_command();
  SetUsage(app, std::string(group.name) + " [OPTIONS] VERB ...");
  app.footer([&group] { return ListVerbs(group.verbs) + '\n' + std::string(group.footer); });
  if (const std::optional<int> code = ParseArguments(app, std::move(arguments))) return *code;

  std::vector<std::string> rest = app.remaining();
  if (rest.size() == 1 && rest.front() == "help") return Print(app.help());
  if (rest.empty() && group.main != nullptr) return group.main(std::move(options));
  if (rest.empty()) {
    std::fputs(app.help().c_str(), stderr);
    return kExitUsage;
  }
  if (rest.front() == "help" && rest.size() > 1) rest = {rest[1], "--help"};
  const Verb* const verb = FindVerb(group.verbs, rest.front());
  if (verb == nullptr) return UnknownVerb(group.name, group.verbs, rest.front());
  return Call(group, *verb, std::move(options), std::move(rest));
}

}  // namespace sluice::cli
