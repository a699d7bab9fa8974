// A verb of the tool, and the way from the command line to it. Each verb has its own CLI::App, made
// only when it is called, so that a one-shot emit pays for no other verb.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/cli/options.h"
#include "client/cli/render/text.h"

namespace sluice::cli {

struct Verb {
  std::string_view name;
  // Shown in the list of verbs: what it does, no full stop.
  std::string_view summary;
  // `arguments` are those after the verb. Returns the exit code.
  int (*main)(GlobalOptions options, std::vector<std::string> arguments);
  // Whether it can look at a journal whose agent does not run.
  bool takes_journal = false;
};

// A program or a verb whose next argument names a verb.
struct VerbGroup {
  // As typed: `sluice`, `sluice kvp`.
  std::string_view name;
  std::string_view description;
  std::span<const Verb> verbs;
  // Printed below the list of verbs.
  std::string_view footer;
  // Printed by --version; empty: the group does not take it.
  std::string_view version;
  // What it does without a verb; null: shows its help on stderr, as misuse.
  int (*main)(GlobalOptions options) = nullptr;
  // Adds the flags that may stand before the verb as well as after it.
  void (*add_options)(CLI::App& app, GlobalOptions* options) = AddGlobalOptions;
};

// Calls the verb that `arguments` name, or explains on stderr which there are. `help VERB` is
// `VERB --help`.
int Dispatch(const VerbGroup& group, GlobalOptions options, std::vector<std::string> arguments);

// The verb of that name; null: there is none.
const Verb* FindVerb(std::span<const Verb> verbs, std::string_view name);
// The part of a group's help that lists its verbs.
std::string ListVerbs(std::span<const Verb> verbs);
// Fails with what was typed instead of a verb of `group`.
int UnknownVerb(std::string_view group, std::span<const Verb> verbs, std::string_view typed);

// Parses a verb's arguments into what `app` was given. A number: the verb ends now with that exit
// code, help or the error having been printed.
std::optional<int> ParseArguments(CLI::App& app, std::vector<std::string> arguments);

// What --help shows after `Usage:`.
void SetUsage(CLI::App& app, std::string usage);

// Prints `sluice: TEXT` on stderr.
void Note(std::string_view text);
// Notes the message and returns the exit code.
int Fail(const Failure& failure);

// Writes a verb's answer to stdout. kExitOk, or kExitIo with a message when not all of it went out.
int Print(std::string_view text);
// The same of what `render` writes.
using Rendering = std::function<void(const TextSink& out)>;
int PrintBy(const Rendering& render);

// The name among `known` that was most likely meant; empty: none is near.
std::string_view NearestName(std::string_view typed, std::span<const Verb> known);

}  // namespace sluice::cli
