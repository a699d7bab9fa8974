// Runs the examples of docs/filters.md: the blocks marked `filter`.
#include <deque>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "agent/filter/describe.h"
#include "agent/filter/matcher.h"
#include "agent/filter/target_levels.h"
#include "gtest/gtest.h"

namespace sluice::filter {
namespace {

struct Example {
  int line = 0;
  std::string text;
};

// The lines of all blocks that open with "```LANGUAGE", without their indentation.
std::vector<Example> ExamplesOf(const std::string& language) {
  std::ifstream page(SLUICE_FILTER_PAGE);
  std::vector<Example> examples;
  std::string text;
  bool inside = false;
  for (int line = 1; std::getline(page, text); ++line) {
    text.erase(0, text.find_first_not_of(' '));
    if (text.starts_with("```")) {
      inside = text == "```" + language;
    } else if (inside) {
      examples.push_back({line, text});
    }
  }
  return examples;
}

// Takes ` with NAME...` off the end of a filter.
FilterOptions TakeOptions(std::string* text) {
  FilterOptions options;
  const size_t with = text->find(" with ");
  if (with == std::string::npos) return options;
  std::istringstream names(text->substr(with + 6));
  text->resize(with);
  for (std::string name; names >> name;) {
    if (name == "fixed") options.profile = Profile::kFixed;
    if (name == "literals") options.patterns = false;
    if (name == "override") options.override_inside_spans = true;
    if (name == "static_off_wins") options.static_off_wins = true;
    if (name == "whole_segments") options.whole_segments = true;
    if (name == "loose_numbers") options.loose_numbers = true;
  }
  return options;
}

// `TARGET/NAME{k=1,...}+{k=2}` or parts of it.
struct Described {
  std::string target, name;
  std::vector<std::vector<Field>> records;
};

class Reader {
 public:
  Described Read(const std::string& text) {
    Described described;
    const std::string head = text.substr(0, text.find_first_of("{+"));
    const size_t slash = head.find('/');
    described.target = head.substr(0, slash);
    if (described.target == "\"\"") described.target.clear();
    if (slash != std::string::npos) described.name = head.substr(slash + 1);
    for (size_t at = head.size(); at < text.size();) {
      if (text[at] == '+' && at == head.size()) described.records.emplace_back();
      at = text.find('{', at);
      const size_t close = text.find('}', at);
      described.records.push_back(ReadFields(text.substr(at + 1, close - at - 1)));
      at = close + 1;
    }
    if (described.records.empty()) described.records.emplace_back();
    return described;
  }

 private:
  std::vector<Field> ReadFields(const std::string& text) {
    std::vector<Field> fields;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
      const size_t equals = part.find('=');
      fields.push_back(
          {Keep(part.substr(0, equals)), ReadValueText(part.substr(equals + 1)), false});
    }
    return fields;
  }

  ValueView ReadValueText(const std::string& text) {
    ValueView value;
    if (text.front() == '"') {
      value.type = ValueView::Type::kString;
      value.text = Keep(text.substr(1, text.size() - 2));
    } else if (text.find('.') != std::string::npos) {
      value.type = ValueView::Type::kDouble;
      value.double_value = std::stod(text);
    } else {
      value.type = ValueView::Type::kInt;
      value.int_value = std::stoll(text);
    }
    return value;
  }

  std::string_view Keep(const std::string& text) { return kept_.emplace_back(text); }

  std::deque<std::string> kept_;
};

// `event LEVEL TARGET [{...}] [in SPAN]...`, or `span ...`, or `failed ...`, the end of a span that
// failed.
bool Answer(Matcher* matcher, const std::string& question) {
  std::istringstream words(question);
  std::string kind, level, word;
  Reader reader;
  std::string subject_text;
  std::vector<Described> spans;
  words >> kind >> level >> subject_text;
  while (words >> word) {
    if (word != "in") {
      subject_text += word;
    } else if (words >> word) {
      spans.push_back(reader.Read(word));
    }
  }
  std::deque<SpanScope> scopes;
  const SpanScope* enclosing = nullptr;
  for (const Described& span : spans) {
    SpanScope& scope = scopes.emplace_back();
    matcher->OpenSpan({span.target, Level::kInfo, span.name, Fields(span.records[0])}, enclosing,
                      &scope);
    for (size_t i = 1; i < span.records.size(); ++i) {
      matcher->RecordFields(Fields(span.records[i]), &scope);
    }
    enclosing = &scope;
  }
  const Described described = reader.Read(subject_text);
  const Subject subject{described.target, *ParseLevel(level), described.name,
                        Fields(described.records[0])};
  SpanScope unused;
  if (kind == "failed") return matcher->FailedEndEnabled(subject, enclosing);
  return kind == "span" ? matcher->OpenSpan(subject, enclosing, &unused)
                        : matcher->EventEnabled(subject, enclosing);
}

TEST(FilterPageTest, EveryExampleIsTrue) {
  std::unique_ptr<Matcher> matcher;
  size_t answers = 0;
  for (const Example& example : ExamplesOf("filter")) {
    SCOPED_TRACE("line " + std::to_string(example.line) + ": " + example.text);
    std::istringstream words(example.text);
    std::string verb, rest;
    words >> verb >> std::ws;
    std::getline(words, rest);
    if (verb == "filter") {
      const FilterOptions options = TakeOptions(&rest);
      const auto parsed = Filter::Parse(rest, options);
      ASSERT_NE(parsed.filter, nullptr) << DescribeError(*parsed.first_error());
      matcher = std::make_unique<Matcher>(parsed.filter);
    } else if (verb == "error") {
      const size_t blank = rest.find(' ');
      std::string text = rest.substr(blank + 1);
      const FilterOptions options = TakeOptions(&text);
      const auto parsed = Filter::Parse(text, options);
      ASSERT_NE(parsed.first_error(), nullptr);
      EXPECT_EQ(FaultName(parsed.first_error()->parsed.fault), rest.substr(0, blank));
    } else {
      ASSERT_TRUE(verb == "yes" || verb == "no");
      EXPECT_EQ(Answer(matcher.get(), rest), verb == "yes");
      ++answers;
    }
  }
  EXPECT_GT(answers, 50u);
}

}  // namespace
}  // namespace sluice::filter
