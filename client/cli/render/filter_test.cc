#include "client/cli/render/filter.h"

#include "gtest/gtest.h"

namespace sluice::cli {
namespace {

v1::FilterPiece Wrong(const std::string& text, uint32_t offset, uint32_t place) {
  v1::FilterPiece piece;
  piece.set_text(text);
  piece.set_offset(offset);
  piece.set_fault("level");
  v1::FilterRemark* const remark = piece.add_remarks();
  remark->set_message("no level");
  remark->set_offset(place);
  return piece;
}

TEST(FilterRenderTest, PutsTheCaretUnderTheByteThatIsMeant) {
  v1::CheckFilterResponse response;
  *response.add_pieces() = Wrong("é=loud", 6, 9);
  EXPECT_EQ(RenderPieces(response.pieces()),
            "wrong  é=loud  (level error)\n"
            "    é=loud\n"
            "      ^ no level\n"
            "The agent does not use a filter of which a piece is wrong.\n");
  EXPECT_FALSE(AreSound(response.pieces()));
}

TEST(FilterRenderTest, EscapesWhatMovesTheCursorAndCountsItsColumns) {
  v1::CheckFilterResponse response;
  *response.add_pieces() = Wrong("a\x1b=b", 0, 3);
  const std::string text = RenderPieces(response.pieces());
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("    a\\u{1b}=b\n            ^ no level\n"), std::string::npos) << text;
}

TEST(FilterRenderTest, AFilterWithoutPiecesIsSoundAndSaysWhatItDoes) {
  const v1::CheckFilterResponse response;
  EXPECT_TRUE(AreSound(response.pieces()));
  EXPECT_NE(RenderPieces(response.pieces()).find("lets nothing through"), std::string::npos);
}

TEST(FilterRenderTest, AVerdictNamesDirectiveAndReason) {
  v1::FilterVerdict verdict;
  verdict.set_reason("no directive applies");
  EXPECT_EQ(RenderVerdict(verdict), "disabled: no directive applies\n");
  verdict.set_enabled(true);
  verdict.set_directive("svc=info");
  verdict.set_reason("target");
  EXPECT_EQ(RenderVerdict(verdict), "enabled by \"svc=info\" (target)\n");
}

TEST(FilterRenderTest, ATableHasEachSinkWithItsRoutes) {
  v1::ExplainResponse response;
  v1::FilterVerdict* const verdict = response.add_verdicts();
  verdict->set_sink("file");
  verdict->set_enabled(true);
  verdict->set_directive("app=info");
  verdict->set_reason("target");
  verdict->add_routes("one");
  verdict->add_routes("two");
  EXPECT_EQ(RenderVerdicts(response),
            "Who takes it, and what decided\n"
            "  file  yes  \"app=info\"  target  routes: one, two\n");
}

}  // namespace
}  // namespace sluice::cli
