#include "client/cli/trace/walk.h"

namespace sluice::cli {
namespace {

// On top of the stack lies what is shown next, so siblings are pushed last to first.
void Push(const std::vector<TraceItem>& siblings, size_t depth, const TraceSpan* parent,
          std::vector<TreeRow>* stack) {
  for (size_t i = siblings.size(); i-- > 0;) {
    stack->push_back({siblings[i], depth, i + 1 == siblings.size(), parent});
  }
}

}  // namespace

std::vector<TreeRow> TreeRows(const Trace& trace) {
  std::vector<TreeRow> rows;
  std::vector<TreeRow> stack;
  Push(trace.roots, 0, nullptr, &stack);
  while (!stack.empty()) {
    const TreeRow row = stack.back();
    stack.pop_back();
    rows.push_back(row);
    if (row.item.kind != TraceItem::Kind::kSpan) continue;
    Push(trace.children[row.item.index], row.depth + 1, &trace.spans[row.item.index], &stack);
  }
  return rows;
}

}  // namespace sluice::cli
