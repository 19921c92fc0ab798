#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "pipec/compiler/compile.h"

namespace pipec::compiler {

UseReader read_used_files(dsl::SourceMap& sources) {
  return [&sources](const std::string& path) -> runtime::Result<const dsl::SourceFile*> {
    constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
    const auto failed = [&](std::string why) {
      return runtime::Error::make(runtime::ErrorCode::io, path + ": " + std::move(why));
    };
    const auto close = [](std::FILE* file) { std::fclose(file); };
    const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"), close);
    if (!file) return failed(std::strerror(errno));
    std::string text;
    char block[16384];
    std::size_t got = 0;
    while ((got = std::fread(block, 1, sizeof block, file.get())) != 0) {
      text.append(block, got);
      if (text.size() > kMaxBytes) return failed("larger than 64 MiB");
    }
    if (std::ferror(file.get())) return failed(std::strerror(errno));
    return &sources.add(path, std::move(text));
  };
}

}  // namespace pipec::compiler
