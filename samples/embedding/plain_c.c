/* Runs a pipeline from C: pushes orders, takes the large ones, and shows a compile error. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipec/c.h"

static const char* const text =
    "recv memory(\"orders\")\n"
    "  | parse json\n"
    "  | filter .total >= 100\n"
    "  | transform { .tax = .total * 0.2 }\n"
    "  | sink memory(\"large\")\n";

static const char* const orders[] = {
    "{\"id\":1,\"total\":250}",
    "{\"id\":2,\"total\":20}",
    "{\"id\":3,\"total\":",
    "{\"id\":4,\"total\":100}",
};

/* Prints the error, frees it, and ends the program. */
static void give_up(pipec_error* error) {
  fprintf(stderr, "%s %s: %s\n", error->where, error->code, error->message);
  pipec_error_free(error);
  exit(1);
}

/* Runs on a thread of the pipeline. A real program would store the dead letter before it returns 0. */
static int count_dead_letter(void* user, const char* json, size_t size) {
  (void)json, (void)size;
  ++*(int*)user;
  return 0;
}

static void show_a_mistake(void) {
  const char* wrong = "recv memory(\"in\") | filter totl(.a) > 1 | sink memory(\"out\")\n";
  pipec_pipeline* pipeline = NULL;
  pipec_error* error = NULL;
  if (pipec_open("wrong.pipe", wrong, strlen(wrong), NULL, &pipeline, &error) != PIPEC_INVALID) abort();
  printf("%s at %s, line %" PRIu32 ", column %" PRIu32 ":\n%s", error->code, error->where, error->line,
         error->column, error->message);
  pipec_error_free(error);
}

int main(void) {
  pipec_pipeline* pipeline = NULL;
  pipec_error* error = NULL;
  const pipec_record* record = NULL;
  int dead_letters = 0;
  uint64_t committed = 0;
  if (pipec_c_version() / 1000 != PIPEC_C_VERSION / 1000) return 1;
  if (pipec_open("orders.pipe", text, strlen(text), NULL, &pipeline, &error) < 0) give_up(error);
  if (pipec_on_dead_letter(pipeline, count_dead_letter, &dead_letters, &error) < 0) give_up(error);
  if (pipec_start(pipeline, &error) < 0) give_up(error);

  /* Four orders fit into the channel. To push more than it holds, use a second thread. */
  for (size_t i = 0; i < sizeof orders / sizeof *orders; ++i) {
    const pipec_record order = {
        .struct_size = sizeof order, .payload = orders[i], .payload_size = strlen(orders[i])};
    if (pipec_push(pipeline, "orders", &order, -1, NULL, &error) < 0) give_up(error);
  }
  if (pipec_end(pipeline, "orders", &error) < 0) give_up(error);

  while (pipec_take(pipeline, "large", -1, &record, &error) == PIPEC_OK) {
    printf("%.*s\n", (int)record->payload_size, record->payload);
    /* The order can be committed from here on. Release it only when you have dealt with it. */
    if (pipec_release(pipeline, "large", record->number, &error) < 0) give_up(error);
  }
  if (pipec_wait(pipeline, -1, &error) < 0) give_up(error);
  if (pipec_committed(pipeline, "orders", &committed, &error) < 0) give_up(error);
  printf("%" PRIu64 " orders committed, %d of them as a dead letter\n", committed, dead_letters);
  pipec_close(pipeline, NULL);

  show_a_mistake();
  return 0;
}
