// How a family writes down its functions: one call per function, data first, code last.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "pipec/runtime/function.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

using runtime::Arena;
using runtime::CallContext;
using runtime::Error;
using runtime::Example;
using runtime::Function;
using runtime::Member;
using runtime::Parameter;
using runtime::Registry;
using runtime::Result;
using runtime::Type;
using runtime::TypeSet;
using runtime::Value;

using Arguments = std::span<const Value>;
using Constants = std::span<const std::optional<Value>>;
using Prepared = Result<std::shared_ptr<const void>>;

inline constexpr TypeSet kText = TypeSet(Type::string) | Type::bytes;

inline Parameter required(std::string name, TypeSet types) {
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.types = types;
  return parameter;
}

// The bytes of the fallback must be static.
inline Parameter defaulted(std::string name, TypeSet types, Value fallback) {
  Parameter parameter = required(std::move(name), types);
  parameter.fallback = fallback;
  return parameter;
}

inline Parameter lambda(std::string name, TypeSet result = TypeSet::any()) {
  Parameter parameter = required(std::move(name), TypeSet::any());
  parameter.kind = Parameter::Kind::lambda;
  parameter.lambda_result = result;
  return parameter;
}

// The functions of one family. `doc` is one line without a full stop; add() returns the entry, for setting
// rarely used members.
class Family {
 public:
  Family(Registry& registry, std::string name) : registry_(registry), name_(std::move(name)) {}

  void add(std::string name, std::vector<Parameter> parameters, TypeSet result, std::string doc,
           std::vector<Example> examples, runtime::FunctionCode code, runtime::Prepare prepare = nullptr) {
    static_cast<void>(registry_.add(entry(std::move(name), std::move(parameters), result, std::move(doc),
                                          std::move(examples), std::move(code), std::move(prepare))));
  }
  // The result has the type of the first argument.
  void add_like_first(std::string name, std::vector<Parameter> parameters, TypeSet result, std::string doc,
                      std::vector<Example> examples, runtime::FunctionCode code,
                      runtime::Prepare prepare = nullptr) {
    Function function = entry(std::move(name), std::move(parameters), result, std::move(doc),
                              std::move(examples), std::move(code), std::move(prepare));
    function.result_like = 0;
    static_cast<void>(registry_.add(std::move(function)));
  }
  // Not the same result each time: never folded.
  void add_impure(std::string name, std::vector<Parameter> parameters, TypeSet result, std::string doc,
                  std::vector<Example> examples, runtime::FunctionCode code) {
    Function function = entry(std::move(name), std::move(parameters), result, std::move(doc),
                              std::move(examples), std::move(code), nullptr);
    function.pure = false;
    static_cast<void>(registry_.add(std::move(function)));
  }

 private:
  Function entry(std::string name, std::vector<Parameter> parameters, TypeSet result, std::string doc,
                 std::vector<Example> examples, runtime::FunctionCode code, runtime::Prepare prepare) const {
    Function function;
    function.name = std::move(name);
    function.family = name_;
    function.parameters = std::move(parameters);
    function.result = result;
    function.doc = std::move(doc);
    function.examples = std::move(examples);
    function.code = std::move(code);
    function.prepare = std::move(prepare);
    return function;
  }

  Registry& registry_;
  std::string name_;
};

// A constant argument that cannot be right: a compile error.
inline Error bad_argument(std::string message) {
  Error error;
  error.code = "argument";
  error.message = std::move(message);
  return error;
}

// The result if there is nothing to prepare.
inline Prepared nothing_prepared() {
  return std::shared_ptr<const void>();
}

}  // namespace pipec::stdlib
