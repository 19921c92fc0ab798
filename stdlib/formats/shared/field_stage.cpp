// `from: .a`, built as a transform:
//   let r = PARSE(.a)  into = r                                   or
//   let r = PARSE(.a)  for k, v in r { .[k] = v }
#include "stdlib/formats/shared/field_stage.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Expression;
using runtime::Op;
using runtime::PathSegment;
using runtime::Statement;
using runtime::Status;
using runtime::Value;

struct FieldScratch final : runtime::Scratch {
  std::unique_ptr<runtime::Scratch> of_format;
  std::unique_ptr<runtime::Scratch> of_transform;
  runtime::BufferPool pool{1};
  runtime::BufferRef out = pool.get(1024);
};

// Of the stage that runs on this thread, for the function that its program calls.
thread_local FieldScratch* running = nullptr;

// Takes what the transform makes a dead letter and does with it what `on_error` says.
class OnErrorContext final : public runtime::StageContext {
 public:
  OnErrorContext(runtime::OnError on_error, const Batch& batch, runtime::StageContext& context)
      : on_error_(on_error), batch_(batch), context_(context) {}

  void dead_letter(const runtime::Record& record, std::string_view reason, const runtime::Place*) override {
    Status status = runtime::reject(on_error_, batch_, record, reason, context_);
    if (status_.ok() && !status) status_ = std::move(status);
  }
  void count_filtered(std::uint64_t records) override { context_.count_filtered(records); }
  void count_errors(std::uint64_t records) override { context_.count_errors(records); }
  std::size_t output_allowance() const override { return context_.output_allowance(); }
  void leave_rest(std::span<const runtime::Record> rest) override { context_.leave_rest(rest); }
  runtime::ArenaBounds evaluation_bounds() const override { return context_.evaluation_bounds(); }
  bool outline_wanted() const override { return context_.outline_wanted(); }

  const Status& status() const { return status_; }

 private:
  const runtime::OnError on_error_;
  const Batch& batch_;
  runtime::StageContext& context_;
  Status status_;
};

// The function PARSE.
Value parse_field(const TextFormat& format, const std::string& field, runtime::CallContext& context,
                  const Value& given) {
  if (given.type() != runtime::Type::string) {
    return context.fail(given.is_null() ? fmt::format("{} is missing or null", field)
                                        : fmt::format("{} is of type {}, not a string", field,
                                                      runtime::type_name(given.type())));
  }
  const std::string_view decoded = runtime::decode_string(given, context.arena());
  char* const padded = context.arena().allocate(decoded.size(), runtime::Buffer::kPadding);
  std::memcpy(padded, decoded.data(), decoded.size());
  std::memset(padded + decoded.size(), 0, runtime::Buffer::kPadding);
  runtime::Buffer& out = *running->out;
  out.clear();
  std::size_t at = 0;
  const std::string_view reason = format.parse({padded, decoded.size()}, out, running->of_format.get(), at);
  if (!reason.empty()) {
    return context.fail(at == kNowhere ? fmt::format("{} in {}", reason, field)
                                       : fmt::format("{} at byte {} of {}", reason, at, field));
  }
  return Value::json_object(context.arena().copy(out.view()));
}

class FieldStage final : public runtime::Stage {
 public:
  FieldStage(std::string_view name, runtime::OnError on_error, const runtime::RecordPath& from,
             const runtime::RecordPath* into, std::unique_ptr<const TextFormat> format)
      : on_error_(on_error), format_(std::move(format)) {
    function_.name = "parse " + std::string(name);
    function_.parameters = {{"field", runtime::TypeSet::any()}};
    function_.result = runtime::Type::object;
    function_.code = [format = format_.get(), field = from.text](runtime::CallContext& context,
                                                                 std::span<const Value> arguments) {
      return parse_field(*format, field, context, arguments[0]);
    };
    runtime::TransformOptions options;
    options.program = program(from, into);
    options.on_malformed = on_error;
    transform_ = runtime::make_transform(std::move(options));
  }

  std::unique_ptr<runtime::Scratch> make_scratch() const override {
    auto scratch = std::make_unique<FieldScratch>();
    scratch->of_format = format_->make_scratch();
    scratch->of_transform = transform_->make_scratch();
    return scratch;
  }

  Status process(Batch& batch, runtime::Scratch* scratch, runtime::StageContext& context) const override {
    auto& own = static_cast<FieldScratch&>(*scratch);
    if (Status ready = format_->begin(batch, own.of_format.get()); !ready) return ready;
    OnErrorContext errors(on_error_, batch, context);
    running = &own;
    Status done = transform_->process(batch, own.of_transform.get(), errors);
    running = nullptr;
    if (!done) return done;
    return errors.status();
  }

 private:
  static Expression local(std::uint32_t number) {
    Expression expression;
    expression.op = Op::local;
    expression.local = number;
    return expression;
  }

  std::shared_ptr<const runtime::TransformProgram> program(const runtime::RecordPath& from,
                                                           const runtime::RecordPath* into) const {
    auto made = std::make_shared<runtime::TransformProgram>();
    const auto path = [&](const runtime::RecordPath& of) {
      runtime::Path result;
      result.text = of.text;
      result.slot = made->fields.slot_of(of.segments[0].key);
      result.below.assign(of.segments.begin() + 1, of.segments.end());
      return result;
    };
    made->locals = 3;
    Expression field;
    field.op = Op::field;
    field.path = path(from);
    Expression call;
    call.op = Op::call;
    call.types = runtime::Type::object;
    call.function = &function_;
    call.lambda_locals = {0};
    call.children.push_back(std::move(field));
    Statement parse;
    parse.kind = Statement::Kind::let;
    parse.expressions.push_back(std::move(call));
    made->body.push_back(std::move(parse));

    Statement set;
    set.kind = Statement::Kind::set;
    set.targets.emplace_back();
    if (into) {
      set.targets[0] = path(*into);
      set.expressions.push_back(local(0));
      made->body.push_back(std::move(set));
      return made;
    }
    set.targets[0].whole = true;
    set.targets[0].text = ".";
    PathSegment& key = set.targets[0].below.emplace_back();
    key.kind = PathSegment::Kind::computed;
    key.computed = 1;
    set.expressions = {local(2), local(1)};
    Statement loop;
    loop.kind = Statement::Kind::loop;
    loop.local = 1;
    loop.second = 2;
    loop.has_second = true;
    loop.expressions.push_back(local(0));
    loop.body.push_back(std::move(set));
    made->body.push_back(std::move(loop));
    return made;
  }

  const runtime::OnError on_error_;
  const std::unique_ptr<const TextFormat> format_;
  runtime::Function function_;
  std::shared_ptr<const runtime::Stage> transform_;
};

}  // namespace

std::unique_ptr<runtime::Stage> make_field_stage(std::string_view name, runtime::OnError on_error,
                                                 const runtime::RecordPath& from,
                                                 const runtime::RecordPath* into,
                                                 std::unique_ptr<const TextFormat> format) {
  return std::make_unique<FieldStage>(name, on_error, from, into, std::move(format));
}

}  // namespace pipec::stdlib
