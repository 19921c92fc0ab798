// The baseline for pipec: a bare consume-produce loop on librdkafka. Its queues are large enough that it
// does not stall, and it commits positions every second after a flush.
//
//    kafka_loop BROKERS IN OUT GROUP PARTITIONS [transactional] [linger=MS]
//        copies until every partition is at its end
//    kafka_loop BROKERS --fill TOPIC RECORDS SIZE PARTITIONS
//        writes the input: JSON of SIZE bytes
#include <librdkafka/rdkafka.h>
#include <cstdint>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
std::size_t ended = 0;

rd_kafka_t* make(rd_kafka_type_t type, const std::map<std::string, std::string>& properties) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char text[512];
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK) {
      std::fprintf(stderr, "%s\n", text);
      std::exit(1);
    }
  }
  rd_kafka_t* client = rd_kafka_new(type, conf, text, sizeof text);
  if (!client) std::exit(1);
  return client;
}

void must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "%s failed\n", what);
  std::exit(1);
}

int fill(char** argv) {
  rd_kafka_t* producer = make(RD_KAFKA_PRODUCER, {{"bootstrap.servers", argv[1]},
                                                  {"enable.idempotence", "true"},
                                                  {"linger.ms", "20"},
                                                  {"queue.buffering.max.messages", "1000000"}});
  rd_kafka_topic_t* topic = rd_kafka_topic_new(producer, argv[3], nullptr);
  const std::size_t records = std::strtoul(argv[4], nullptr, 10);
  const std::size_t size = std::strtoul(argv[5], nullptr, 10);
  const std::size_t partitions = std::strtoul(argv[6], nullptr, 10);
  for (std::size_t n = 0; n < records; ++n) {
    std::string line =
        "{\"id\":" + std::to_string(n) + ",\"status\":" + std::to_string(n % 600) + ",\"pad\":\"";
    line.append(size > line.size() + 2 ? size - line.size() - 2 : 0, 'x');
    line += "\"}";
    while (rd_kafka_produce(topic, static_cast<std::int32_t>(n % partitions), RD_KAFKA_MSG_F_COPY,
                            line.data(), line.size(), nullptr, 0, nullptr) != 0) {
      rd_kafka_poll(producer, 10);
    }
    if (n % 1000 == 0) rd_kafka_poll(producer, 0);
  }
  must(!rd_kafka_flush(producer, 600'000), "flush");
  rd_kafka_topic_destroy(topic);
  rd_kafka_destroy(producer);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 7 && std::strcmp(argv[2], "--fill") == 0) return fill(argv);
  if (argc < 6) return 2;
  bool transactional = false;
  const char* linger = "5";
  for (int i = 6; i < argc; ++i) {
    if (std::strcmp(argv[i], "transactional") == 0) transactional = true;
    if (std::strncmp(argv[i], "linger=", 7) == 0) linger = argv[i] + 7;
  }
  const std::size_t partitions = std::strtoul(argv[5], nullptr, 10);
  rd_kafka_t* consumer = make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", argv[1]},
                                                  {"group.id", argv[4]},
                                                  {"enable.auto.commit", "false"},
                                                  {"enable.auto.offset.store", "false"},
                                                  {"auto.offset.reset", "earliest"},
                                                  {"enable.partition.eof", "true"},
                                                  {"check.crcs", "true"},
                                                  {"queued.min.messages", "10000000"},
                                                  {"queued.max.messages.kbytes", "1000000"}});
  rd_kafka_poll_set_consumer(consumer);
  std::map<std::string, std::string> settings = {{"bootstrap.servers", argv[1]},
                                                 {"enable.idempotence", "true"},
                                                 {"linger.ms", linger},
                                                 {"queue.buffering.max.messages", "1000000"}};
  if (transactional) settings["transactional.id"] = argv[4];
  rd_kafka_t* producer = make(RD_KAFKA_PRODUCER, settings);
  if (transactional) {
    must(!rd_kafka_init_transactions(producer, 30'000), "init");
    must(!rd_kafka_begin_transaction(producer), "begin");
  }
  rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, argv[2], RD_KAFKA_PARTITION_UA);
  must(!rd_kafka_subscribe(consumer, topics), "subscribe");
  rd_kafka_topic_t* out = rd_kafka_topic_new(producer, argv[3], nullptr);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);

  std::vector<std::int64_t> next(partitions, -1);
  std::vector<rd_kafka_message_t*> messages(1000);
  std::size_t bytes = 0;
  std::size_t count = 0;
  Clock::time_point began;
  Clock::time_point committed = Clock::now();
  const auto commit = [&] {
    must(!rd_kafka_flush(producer, 60'000), "flush");
    rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(static_cast<int>(partitions));
    for (std::size_t i = 0; i < partitions; ++i) {
      if (next[i] >= 0) {
        rd_kafka_topic_partition_list_add(list, argv[2], static_cast<std::int32_t>(i))->offset = next[i];
      }
    }
    if (transactional) {
      rd_kafka_consumer_group_metadata_t* group = rd_kafka_consumer_group_metadata(consumer);
      must(!rd_kafka_send_offsets_to_transaction(producer, list, group, 30'000), "offsets");
      must(!rd_kafka_commit_transaction(producer, 30'000), "commit");
      must(!rd_kafka_begin_transaction(producer), "begin");
      rd_kafka_consumer_group_metadata_destroy(group);
    } else {
      must(list->cnt == 0 || !rd_kafka_commit(consumer, list, 0), "commit");
    }
    rd_kafka_topic_partition_list_destroy(list);
    committed = Clock::now();
  };
  while (ended < partitions) {
    const ssize_t got = rd_kafka_consume_batch_queue(queue, 5, messages.data(), messages.size());
    for (ssize_t i = 0; i < got; ++i) {
      rd_kafka_message_t* message = messages[static_cast<std::size_t>(i)];
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) ++ended;
      if (!message->err) {
        if (count++ == 0) began = Clock::now();
        bytes += message->len;
        while (rd_kafka_produce(out, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, message->payload,
                                message->len, message->key, message->key_len, nullptr) != 0) {
          rd_kafka_poll(producer, 10);
        }
        next[static_cast<std::size_t>(message->partition)] = message->offset + 1;
      }
      rd_kafka_message_destroy(message);
    }
    rd_kafka_poll(producer, 0);
    if (Clock::now() - committed >= std::chrono::seconds(1)) commit();
  }
  commit();
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  std::printf("%zu records, %.1f MB in %.2f s, %.1f MB/s\n", count, static_cast<double>(bytes) / 1e6, seconds,
              static_cast<double>(bytes) / 1e6 / seconds);
  if (transactional) rd_kafka_abort_transaction(producer, 10'000);
  rd_kafka_topic_destroy(out);
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_partition_list_destroy(topics);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  rd_kafka_destroy(producer);
  return 0;
}
