#include "stdlib/stages/summarize/partial.h"

#include <algorithm>

namespace pipec::stdlib {

void Partial::add(Row& row) {
  const std::int64_t before = watermark;
  if (summary.time) {
    times.push_back(row.time());
    watermark = std::max(watermark, watermark_of(row.time(), summary.late));
  }
  if (one_by_one) return;
  const bool timed = summary.windowed() && summary.time;
  const WindowShape shape = timed ? summary.shape : WindowShape();
  const auto each_open = [&](auto&& use) {
    shape.each(row.time(), [&](const Window& window) {
      if (!timed || window.end > before) use(windows.try_emplace(window, summary.aggregates).first->second);
    });
  };
  each_open([&](Groups& groups) {
    if (row.refused(groups.find(row.key(), row.hash()))) one_by_one = true;
  });
  if (one_by_one) return;
  each_open([&](Groups& groups) {
    bool is_new = false;
    Group& group = groups.of(row.key(), row.hash(), is_new);
    row.add_to(group, is_new);
  });
}

}  // namespace pipec::stdlib
