// A Kafka cluster inside this process, for trying out a pipeline without a server: librdkafka's mock cluster.
// Not durable, and not suitable for testing transactions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/error.h"

namespace pipec::stdlib {

class KafkaDemo {
 public:
  static runtime::Result<std::unique_ptr<KafkaDemo>> start();
  virtual ~KafkaDemo() = default;
  virtual std::string brokers() const = 0;
  // Makes the topic of four partitions and puts each line of the file into it, in turn.
  virtual runtime::Status fill(const std::string& topic, const std::string& file) = 0;
  struct Shown {
    std::string topic;
    std::optional<std::string_view> key;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string_view payload;  // "" where the record has none
  };
  // Every record of the topics that were not filled, by topic, partition and offset.
  virtual runtime::Status show(const std::function<void(const Shown&)>& each) = 0;
};

}  // namespace pipec::stdlib
