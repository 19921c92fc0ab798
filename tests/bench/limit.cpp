// The same jobs as `compare` runs, written by hand for this one input: no language, no graph, no generality,
// no checks. Its result counts as the machine's limit for the job.
//
// usage: bench_limit filter|transform|pass INPUT OUTPUT
//
// Two threads take 512 KiB pieces of the file in turn, split at newlines, and write their results in the
// order of the pieces into a preallocated file. Fields are found by text search, each byte once, which is
// right only for this input (flat records, compact, the fields in this order, no key text inside strings).

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

constexpr std::size_t kPiece = std::size_t{512} << 10;
constexpr std::size_t kLongestLine = std::size_t{64} << 10;

constexpr std::size_t kBehind = 64;  // readable bytes after the searched range

// The first occurrence of the needle in [at, end), else end.
#if defined(__x86_64__)
__attribute__((target("avx2,bmi"))) const char* find_by_avx2(const char* at, const char* end,
                                                             std::string_view needle) {
  const __m256i first = _mm256_set1_epi8(needle.front());
  const __m256i last = _mm256_set1_epi8(needle[needle.size() - 2]);
  for (; at < end; at += 32) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + needle.size() - 2));
    auto hits = static_cast<unsigned>(
        _mm256_movemask_epi8(_mm256_and_si256(_mm256_cmpeq_epi8(a, first), _mm256_cmpeq_epi8(b, last))));
    for (; hits != 0; hits &= hits - 1) {
      const char* const found = at + __builtin_ctz(hits);
      if (found < end && std::memcmp(found, needle.data(), needle.size()) == 0) return found;
    }
  }
  return end;
}
#endif

const char* find(const char* at, const char* end, std::string_view needle) {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return find_by_avx2(at, end, needle);
#endif
  const void* found = memmem(at, static_cast<std::size_t>(end - at), needle.data(), needle.size());
  return found ? static_cast<const char*>(found) : end;
}

// Room for one piece's results; nothing checks whether they fit.
struct Result {
  std::vector<char> bytes;
  char* end = nullptr;
  void append(const char* from, const char* to) {
    std::memcpy(end, from, static_cast<std::size_t>(to - from));
    end += to - from;
  }
  void append(std::string_view text) { append(text.data(), text.data() + text.size()); }
};

// [at, stop) are whole lines.
void filter(const char* at, const char* stop, Result& out) {
  while ((at = find(at, stop, "\"status\":5")) != stop) {
    const char* begin = at;
    while (begin[-1] != '\n') --begin;  // there is a newline before the first line too
    const char* const line_end =
        static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(stop - at)));
    out.append(begin, line_end + 1);
    at = line_end + 1;
  }
}

// bytes / 1024 with its shortest digits.
char* write_kib(unsigned bytes, char* to) {
  to = std::to_chars(to, to + 16, bytes / 1024).ptr;
  *to++ = '.';
  unsigned long long fraction = (bytes % 1024) * 9'765'625ULL;
  char* const begin = to;
  for (int i = 9; i >= 0; --i, fraction /= 10) begin[i] = static_cast<char>('0' + fraction % 10);
  to = begin + 10;
  while (to > begin + 1 && to[-1] == '0') --to;
  return to;
}

// Sets .level, adds .kib, renames .remote_ip, deletes .agent (the last field).
void transform(const char* at, const char* stop, Result& out) {
  while (at < stop) {
    const char* const ip = find(at, stop, "\"remote_ip\"");
    if (ip == stop) return;
    const char* const status = find(ip + 11, stop, "\"status\":") + 9;
    const char* const bytes = find(status, stop, "\"bytes\":") + 8;
    const char* const agent = find(bytes, stop, ",\"agent\":");
    const char* const line_end =
        static_cast<const char*>(std::memchr(agent, '\n', static_cast<std::size_t>(stop - agent)));
    out.append(at, ip);
    out.append("\"client\"");
    out.append(ip + 11, agent);
    out.append(*status >= '5' ? ",\"level\":\"error\",\"kib\":" : ",\"level\":\"info\",\"kib\":");
    unsigned count = 0;
    for (const char* digit = bytes; *digit >= '0' && *digit <= '9'; ++digit)
      count = count * 10 + static_cast<unsigned>(*digit - '0');
    out.end = write_kib(count, out.end);
    out.append("}\n");
    at = line_end + 1;
  }
}

void pass(const char* at, const char* stop, Result& out) {
  out.append(at, stop);
}

struct Shared {
  std::mutex mutex;
  std::condition_variable turn;
  std::size_t next_piece = 0;
  std::size_t next_write = 0;
  std::size_t written = 0;
  std::size_t room = 0;
};

using Job = void (*)(const char*, const char*, Result&);

void work(int in, int out, std::size_t size, Job job, Shared& shared) {
  std::vector<char> buffer(1 + kPiece + kLongestLine + kBehind);
  buffer[0] = '\n';
  Result result;
  result.bytes.resize((kPiece + kLongestLine) * 2);
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
    char* const data = buffer.data() + 1;
    const ssize_t got = pread(in, data, kPiece + kLongestLine, static_cast<off_t>(from));
    if (got <= 0) std::abort();
    const char* const end = data + got;
    const auto line_behind = [&](const char* at) {
      const void* newline = at < end ? std::memchr(at, '\n', static_cast<std::size_t>(end - at)) : nullptr;
      return newline ? static_cast<const char*>(newline) + 1 : end;
    };
    const char* const first = begin == 0 ? data : line_behind(data);
    const char* const stop = line_behind(data + (begin - from) + kPiece - 1);
    result.end = result.bytes.data();
    job(first, stop, result);
    std::unique_lock lock(shared.mutex);
    shared.turn.wait(lock, [&] { return shared.next_write == piece; });
    const std::size_t at = shared.written;
    const auto made = static_cast<std::size_t>(result.end - result.bytes.data());
    if (at + made > shared.room && made != 0) {
      constexpr std::size_t kAhead = std::size_t{64} << 20;
      [[maybe_unused]] const int ignored =
          fallocate(out, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at), kAhead);
      shared.room = at + kAhead;
    }
    shared.written += made;
    shared.next_write = piece + 1;
    lock.unlock();
    shared.turn.notify_all();
    if (made != 0 &&
        pwrite(out, result.bytes.data(), made, static_cast<off_t>(at)) != static_cast<ssize_t>(made))
      std::abort();
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
  if (ftruncate(out, static_cast<off_t>(shared.written)) != 0) std::abort();
  return close(out) == 0 ? 0 : 1;
}
