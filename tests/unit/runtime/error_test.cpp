// Errors and results, as a program makes and reads them.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>

#include "pipec/runtime/error.h"
#include "support/catch.h"

using namespace pipec::runtime;

namespace {

struct Base {
  virtual ~Base() = default;
  virtual int id() const { return 1; }
};
struct Derived final : Base {
  int id() const override { return 2; }
};

Result<std::unique_ptr<Base>> make_derived() {
  return std::make_unique<Derived>();
}
Result<std::shared_ptr<const Base>> share_derived() {
  return std::make_shared<Derived>();
}
Result<std::string> literal() {
  return "text";
}

// The stderr of a child process that makes the call, until SIGABRT ends it.
template <typename Call>
std::string aborts_with(Call call) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    std::signal(SIGABRT, SIG_DFL);
    call();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 512> bytes{};
  for (ssize_t got = 0; (got = ::read(ends[0], bytes.data(), bytes.size())) > 0;) {
    said.append(bytes.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? said : "did not abort";
}

}  // namespace

TEST_CASE("a result is made from what converts to its value: derived pointers, literals") {
  CHECK((*make_derived())->id() == 2);
  CHECK((*share_derived())->id() == 2);
  CHECK(*literal() == "text");
}

TEST_CASE("an error is made from a code and a message, and says whether to try again") {
  const Error error = Error::make(ErrorCode::io, "cannot read");
  CHECK(error.code == "io");
  CHECK(error.message == "cannot read");
  CHECK_FALSE(error.retriable);
  const Error again = Error::retry(ErrorCode::sink, "busy");
  CHECK(again.code == "sink");
  CHECK(again.retriable);
  CHECK(Error::make("quota", "no credit").code == "quota");
  const Result<int> refused = Error::make(ErrorCode::usage, "no");
  CHECK_FALSE(refused);
  CHECK(refused.error().code == "usage");
}

TEST_CASE("reading the wrong half of a result aborts with a message that says which") {
  const auto value_of_error = [] { static_cast<void>(*Result<int>(Error::make(ErrorCode::io, "gone"))); };
  CHECK(aborts_with(value_of_error) ==
        "pipec: Result::value() was called, but there is an error: io: gone\n");
  const auto error_of_value = [] { static_cast<void>(Result<int>(1).error()); };
  CHECK(aborts_with(error_of_value) == "pipec: Result::error() was called, but there is no error\n");
  const auto error_of_ok = [] { static_cast<void>(Status().error()); };
  CHECK(aborts_with(error_of_ok) == "pipec: Status::error() was called, but there is no error\n");
}
