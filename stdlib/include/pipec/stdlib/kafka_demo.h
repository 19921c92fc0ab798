// A Kafka inside this process, for trying a pipeline out where there is no server: librdkafka's mock cluster.
// Not durable, and no judge of transactions.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pipec/runtime/error.h"

namespace pipec::stdlib {

class KafkaDemo {
 public:
  static runtime::Result<std::unique_ptr<KafkaDemo>> start();
  virtual ~KafkaDemo() = default;
  virtual std::string brokers() const = 0;
  // Makes the topic of four partitions and puts each line of the file into it, in turn.
  virtual runtime::Status fill(const std::string& topic, const std::string& file) = 0;
  // Every record of the topics that were not filled, by topic, partition and offset. A record without payload
  // is shown as "".
  virtual runtime::Status show(
      const std::function<void(const std::string& topic, std::string_view payload)>& each) = 0;
};

}  // namespace pipec::stdlib
