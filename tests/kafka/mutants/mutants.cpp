// Wrong variants of pipec for the tests of the oracle: $PIPEC_MUTANT names the one that this process is.
// Those of the engine are in graph/mutant.h; those of the Kafka connector put a wrong call between it and
// librdkafka (the linker's --wrap).
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "graph/state/mutant.h"

using pipec::graph::Mutant;

namespace {

bool rewinds = false;          // partitions that are not paused go back a little
bool commits_maximum = false;  // commits what was read, delivered or not

const bool chosen = [] {
  const char* name = std::getenv("PIPEC_MUTANT");
  if (!name) return true;
  const std::string_view wanted = name;
  constexpr struct {
    std::string_view name;
    Mutant mutant;
  } kOfTheEngine[] = {
      {"none", Mutant::none},
      {"commit_before_dead_letters", Mutant::commit_before_dead_letters},
      {"acknowledge_on_reject", Mutant::acknowledge_on_reject},
      {"ignore_dead_letter_route", Mutant::ignore_dead_letter_route},
  };
  for (const auto& known : kOfTheEngine) {
    if (known.name != wanted) continue;
    pipec::graph::active_mutant = known.mutant;
    return true;
  }
  rewinds = wanted == "rewind";
  commits_maximum = wanted == "commit_maximum";
  if (!rewinds && !commits_maximum) {
    std::fprintf(stderr, "no mutant %s\n", name);
    std::_Exit(3);
  }
  return true;
}();

using List =
    std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>;

// Imitates librdkafka before 2.4, which read a partition again from an earlier position when it was resumed
// without being paused.
void rewind(rd_kafka_t* client) {
  rd_kafka_topic_partition_list_t* assigned = nullptr;
  if (rd_kafka_assignment(client, &assigned) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const List list(assigned, rd_kafka_topic_partition_list_destroy);
  rd_kafka_position(client, list.get());
  const List back(rd_kafka_topic_partition_list_new(list->cnt), rd_kafka_topic_partition_list_destroy);
  for (int i = 0; i < list->cnt; ++i) {
    const auto& each = list->elems[i];
    if (each.offset <= 1) continue;
    rd_kafka_topic_partition_list_add(back.get(), each.topic, each.partition)->offset = each.offset / 2;
  }
  if (back->cnt == 0) return;
  rewinds = false;  // once is enough
  if (rd_kafka_error_t* failed = rd_kafka_seek_partitions(client, back.get(), 10'000))
    rd_kafka_error_destroy(failed);
}

}  // namespace

extern "C" {

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names.
rd_kafka_message_t* __real_rd_kafka_consumer_poll(rd_kafka_t* client, int timeout);
rd_kafka_message_t* __wrap_rd_kafka_consumer_poll(rd_kafka_t* client, int timeout) {
  if (rewinds) rewind(client);
  return __real_rd_kafka_consumer_poll(client, timeout);
}

using CommitCallback = void (*)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void*);
rd_kafka_resp_err_t __real_rd_kafka_commit_queue(rd_kafka_t* client,
                                                 const rd_kafka_topic_partition_list_t* offsets,
                                                 rd_kafka_queue_t* queue, CommitCallback callback,
                                                 void* opaque);
rd_kafka_resp_err_t __wrap_rd_kafka_commit_queue(rd_kafka_t* client,
                                                 const rd_kafka_topic_partition_list_t* offsets,
                                                 rd_kafka_queue_t* queue, CommitCallback callback,
                                                 void* opaque) {
  const List ahead(rd_kafka_topic_partition_list_copy(offsets), rd_kafka_topic_partition_list_destroy);
  const List read(rd_kafka_topic_partition_list_copy(offsets), rd_kafka_topic_partition_list_destroy);
  if (commits_maximum) rd_kafka_position(client, read.get());
  for (int i = 0; commits_maximum && i < ahead->cnt; ++i) {
    ahead->elems[i].offset = std::max(ahead->elems[i].offset, read->elems[i].offset);
  }
  return __real_rd_kafka_commit_queue(client, ahead.get(), queue, callback, opaque);
}
// NOLINTEND(bugprone-reserved-identifier)

}  // extern "C"
