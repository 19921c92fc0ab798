// The same jobs as `compare` runs, written by hand for this one input: no language, no graph, no generality.
// What it reaches is taken as the machine's limit for the job.
//
// usage: bench_limit filter|transform|pass INPUT OUTPUT
//
// Two threads take 1 MiB pieces of the file in turn, cut at newlines, and write their results in the order of
// the pieces. Fields are found by text search, which is right for this input only (flat records, compact, no
// key text inside strings).

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::size_t kLongestLine = std::size_t{64} << 10;

std::string_view value_of(std::string_view line, std::string_view quoted_key) {
  const void* found = memmem(line.data(), line.size(), quoted_key.data(), quoted_key.size());
  if (!found) return {};
  const char* begin = static_cast<const char*>(found) + quoted_key.size();
  const char* end = begin;
  while (*end != ',' && *end != '}') ++end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

void filter(std::string_view line, std::string& out) {
  const std::string_view status = value_of(line, "\"status\":");
  if (status.size() == 3 && status[0] >= '5') out.append(line).push_back('\n');
}

// Sets .level, adds .kib, renames .remote_ip, deletes .agent (the last field).
void transform(std::string_view line, std::string& out) {
  constexpr std::string_view kIp = "\"remote_ip\"";
  constexpr std::string_view kAgent = ",\"agent\":";
  const std::string_view status = value_of(line, "\"status\":");
  const std::string_view bytes = value_of(line, "\"bytes\":");
  const auto* ip = static_cast<const char*>(memmem(line.data(), line.size(), kIp.data(), kIp.size()));
  const auto* agent =
      static_cast<const char*>(memmem(line.data(), line.size(), kAgent.data(), kAgent.size()));
  if (!ip || !agent) return;
  out.append(line.data(), ip).append("\"client\"").append(ip + kIp.size(), agent);
  out.append(status[0] >= '5' ? ",\"level\":\"error\",\"kib\":" : ",\"level\":\"info\",\"kib\":");
  double count = 0;
  std::from_chars(bytes.data(), bytes.data() + bytes.size(), count);
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, count / 1024).ptr;
  out.append(text, end).append("}\n");
}

void pass(std::string_view line, std::string& out) {
  out.append(line).push_back('\n');
}

struct Shared {
  std::mutex mutex;
  std::condition_variable turn;
  std::size_t next_piece = 0;
  std::size_t next_write = 0;
};

void work(int in, int out, std::size_t size, void (*job)(std::string_view, std::string&), Shared& shared) {
  std::vector<char> buffer(kPiece + kLongestLine + 1);
  std::string result;
  for (;;) {
    std::size_t piece = 0;
    {
      const std::lock_guard lock(shared.mutex);
      piece = shared.next_piece++;
    }
    const std::size_t begin = piece * kPiece;
    if (begin >= size) return;
    // One byte before, to see whether a line begins here; the last line is read to its end beyond the piece.
    const std::size_t from = begin == 0 ? 0 : begin - 1;
    const ssize_t got = pread(in, buffer.data(), kPiece + kLongestLine, static_cast<off_t>(from));
    if (got <= 0) std::abort();
    const char* at = buffer.data();
    const char* const end = buffer.data() + got;
    if (begin != 0) {
      const void* newline = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
      at = newline ? static_cast<const char*>(newline) + 1 : end;
    }
    const char* const stop = buffer.data() + (begin - from) + kPiece;
    result.clear();
    while (at < stop && at < end) {
      const void* newline = std::memchr(at, '\n', static_cast<std::size_t>(end - at));
      const char* line_end = newline ? static_cast<const char*>(newline) : end;
      job({at, static_cast<std::size_t>(line_end - at)}, result);
      at = line_end + 1;
    }
    std::unique_lock lock(shared.mutex);
    shared.turn.wait(lock, [&] { return shared.next_write == piece; });
    lock.unlock();
    if (!result.empty() && write(out, result.data(), result.size()) != static_cast<ssize_t>(result.size()))
      std::abort();
    lock.lock();
    shared.next_write = piece + 1;
    shared.turn.notify_all();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: bench_limit filter|transform|pass INPUT OUTPUT\n", stderr);
    return 2;
  }
  const std::string_view name = argv[1];
  const auto job = name == "filter" ? filter : name == "transform" ? transform : pass;
  const int in = open(argv[2], O_RDONLY | O_CLOEXEC);
  const int out = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  struct stat status {};
  if (in < 0 || out < 0 || fstat(in, &status) != 0) {
    std::perror("bench_limit");
    return 1;
  }
  Shared shared;
  std::thread other(work, in, out, static_cast<std::size_t>(status.st_size), job, std::ref(shared));
  work(in, out, static_cast<std::size_t>(status.st_size), job, shared);
  other.join();
  return close(out) == 0 ? 0 : 1;
}
