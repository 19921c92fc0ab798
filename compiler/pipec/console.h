// The two streams of the process. stdout carries the requested output; stderr, written through Console,
// carries all messages.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace pipec::cli {

// Exit statuses, as the language reference lists them.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kDoesNotCompile = 3;
inline constexpr int kInterrupted = 130;

// Called first in main(): opens standard streams that are closed in such a way that using them fails (EBADF),
// so that the next file opened does not get their number and receive their output.
void hold_standard_streams();

bool is_terminal(int descriptor);
// Escapes are for terminals alone, and not where NO_COLOR is set or TERM is "dumb".
bool use_color(int descriptor);

// All of the text, or the reason why not: a full disk, a closed descriptor.
[[nodiscard]] bool write_all(int descriptor, std::string_view text, std::string& reason);

// True if the reader of our stdout has closed it.
bool stdout_reader_is_gone();
// Ends the process as SIGPIPE does for other tools whose reader closed the pipe: silently, status 141 in a
// shell.
[[noreturn]] void leave_by_sigpipe();

// stderr. One per process; all calls may come from any thread. A progress bar always stays the last line.
class Console {
 public:
  Console();

  bool terminal() const { return terminal_; }
  bool color() const { return color_; }
  unsigned width() const;  // of the terminal now, in cells; 80 if unknown

  void text(std::string_view text);  // unchanged; ends in a newline
  void line(std::string_view line);
  // "error: ..." with the word in red.
  void error(std::string_view message);
  void warning(std::string_view message);
  // Shows this as the last line, replacing the previous one; an empty text removes it. Only on terminals.
  void bar(std::string_view bar);

 private:
  void write(std::string_view text);

  bool terminal_;
  bool color_;
  std::mutex mutex_;
  std::string bar_;
};

// Writes to stdout for a command that prints; the command's exit status. A reader that left ends the process.
int print(Console& console, std::string_view text);

}  // namespace pipec::cli
