/* pipec for programs in C, and for every language that can call C. Plain C99; link libpipec.so.
 *
 *   pipec_open, pipec_on_..., pipec_start
 *   pipec_push, pipec_end on the one side, pipec_take, pipec_release on the other
 *   pipec_wait, pipec_close
 *
 * The text names the channels: `recv memory("in")` reads what is pushed to "in", and what
 * `sink memory("out")` writes is taken from "out".
 *
 * DELIVERY. Records pushed have positions 0, 1, 2, ... in their channel. A position is committed when all
 * that became of the record is safely out: written and synced by other sinks, and, where the program gets it,
 * taken AND released, or its callback has returned 0. Commits are cumulative, and each waits for all records
 * that were given out before it began. What is not committed when a run has ended, however it ended, is to be
 * pushed again to another pipeline: at least once, nothing is lost. Sources with positions of their own
 * (files, Kafka) are committed by the same rule. So a run ends only when all that was taken is released, and
 * a program that waits without a limit while it holds records may wait for ever.
 *
 * BACK PRESSURE. Channels are bounded (pipec_options.channel_bytes): a push waits while so much is not
 * committed, a pipeline while so much is not released.
 *
 * RESULTS. Calls return PIPEC_OK or another of the results below; a negative one is an error. `error` may be
 * NULL. Otherwise it is set, to NULL or to what went wrong, which pipec_error_free() frees. Wrong use (a null
 * handle, a second run, a push after the end) is PIPEC_MISUSE, with a message. No call throws.
 *
 * THREADS. Any thread may call any function, several at once. After pipec_close() has begun, no call with
 * that handle may begin; those that wait return. A callback comes from a thread of the pipeline. It must not
 * wait for its own run: pipec_run(), pipec_wait() and pipec_close() are PIPEC_MISUSE there, and a push or
 * take with a timeout may wait for what the callback itself holds up.
 *
 * MEMORY. What goes in is copied before the call returns. Texts are UTF-8 and end with a NUL; payloads, keys
 * and header values are any bytes. What comes out is the library's. pipec_error, pipec_record and
 * pipec_options may grow at their ends; those that the program fills say in struct_size how much it knows. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(PIPEC_C_BUILD)
#define PIPEC_C_API __attribute__((visibility("default")))
#else
#define PIPEC_C_API
#endif

/* 1000 * major + minor of this interface. Within a major version a newer library serves an older program. */
#define PIPEC_C_VERSION 1000
/* The library's; the program checks that pipec_c_version() / 1000 == PIPEC_C_VERSION / 1000. */
PIPEC_C_API unsigned pipec_c_version(void);
PIPEC_C_API const char* pipec_version(void); /* of pipec: "0.1.0" */

enum {
  PIPEC_OK = 0,
  PIPEC_TIMEOUT = 1,   /* nothing was done within the time */
  PIPEC_END = 2,       /* take: no record will come any more. push: the run is over, the record is not in */
  PIPEC_MISUSE = -1,   /* the program's mistake */
  PIPEC_INVALID = -2,  /* the text does not compile */
  PIPEC_FAILED = -3,   /* the run ended with an error */
  PIPEC_NO_MEMORY = -4 /* or no thread to be had; `error` may then be NULL */
};

typedef struct pipec_diagnostic {
  const char* code;      /* "E0203", "W..." is a warning */
  const char* message;   /* one line */
  const char* file;      /* `name` of pipec_open(), or the path of a file that the text uses */
  uint32_t line, column; /* from 1; a column is a character */
} pipec_diagnostic;

typedef struct pipec_error {
  int result;            /* as returned */
  const char* code;      /* stable: "misuse", "sink", "io"; of a text the first error's: "E0203" */
  const char* message;   /* for people; of a text all diagnostics, as `pipec check` shows them */
  const char* node;      /* "sink memory"; "" where it is not known */
  const char* where;     /* "flow.pipe:3:5"; "" where it is not known */
  uint32_t line, column; /* of `where`; 0 where it is not known */
  const pipec_diagnostic* diagnostics; /* of a text, by place */
  size_t diagnostic_count;
} pipec_error;
PIPEC_C_API void pipec_error_free(pipec_error* error); /* NULL is fine */

typedef struct pipec_header {
  const char* name;
  const char* value; /* NULL: a header without a value */
  size_t value_size;
} pipec_header;

typedef struct pipec_record {
  size_t struct_size; /* sizeof(pipec_record), set by who makes it */
  const char* payload;
  size_t payload_size;
  const char* key; /* NULL: none */
  size_t key_size;
  const pipec_header* headers;
  size_t header_count;
  int has_timestamp;
  int64_t timestamp; /* nanoseconds since 1970 */
  uint64_t number;   /* taken: for pipec_release(). Pushed: not looked at */
} pipec_record;

typedef struct pipec_options {
  size_t struct_size;          /* sizeof(pipec_options) */
  const char* state_directory; /* the pipeline's state is kept in a directory of its name in it; NULL: none */
  unsigned threads;            /* 0: as many as there are usable CPUs */
  size_t channel_bytes;        /* 0: 16 MiB for each channel */
  int64_t drain_ms;            /* what is in flight may take so long after a stop; 0: 30 s */
} pipec_options;

typedef struct pipec_pipeline pipec_pipeline;

/* Compiles `text` (size bytes); `name` stands for its file in messages ("flow.pipe"). `options` may be NULL.
 * Opens nothing that the text names. A text that both reads and writes one channel, or reads it twice, is
 * PIPEC_INVALID. Warnings go to on_log when the run begins. The calling thread needs 1 MiB of stack. */
PIPEC_C_API int pipec_open(const char* name, const char* text, size_t size, const pipec_options* options,
                           pipec_pipeline** pipeline, pipec_error** error);
/* Stops a run, waits for it (drain_ms), frees the handle and every record that was not released. NULL is
 * fine. */
PIPEC_C_API int pipec_close(pipec_pipeline* pipeline, pipec_error** error);

/* Callbacks are set before the run; NULL takes one away. What they are given ends with the call. */

/* Gets the records of a channel, in place of pipec_take(): one call at a time for each sink. 0: the record is
 * done with. Anything else ends the run; that record and all behind it are not committed. */
typedef int (*pipec_record_fn)(void* user, const pipec_record* record);
PIPEC_C_API int pipec_on_record(pipec_pipeline* pipeline, const char* channel, pipec_record_fn function,
                                void* user, pipec_error** error);
/* Gets the dead letters of a text without a `dlq` (where the first one would end the run), each a JSON
 * object, one call at a time. 0: it is safe. Anything else ends the run. */
typedef int (*pipec_text_fn)(void* user, const char* text, size_t size);
PIPEC_C_API int pipec_on_dead_letter(pipec_pipeline* pipeline, pipec_text_fn function, void* user,
                                     pipec_error** error);
/* Called once if the run fails, before it is over. */
typedef void (*pipec_error_fn)(void* user, const pipec_error* error);
PIPEC_C_API int pipec_on_error(pipec_pipeline* pipeline, pipec_error_fn function, void* user,
                               pipec_error** error);
/* Gets lines worth knowing, perhaps several at once. Must not wait. */
typedef void (*pipec_log_fn)(void* user, const char* line);
PIPEC_C_API int pipec_on_log(pipec_pipeline* pipeline, pipec_log_fn function, void* user,
                             pipec_error** error);

/* Runs in this thread, to the end of all sources, a stop or the first error; once. PIPEC_OK or PIPEC_FAILED.
 */
PIPEC_C_API int pipec_run(pipec_pipeline* pipeline, pipec_error** error);
/* The same in a thread of its own. What cannot even begin fails here. */
PIPEC_C_API int pipec_start(pipec_pipeline* pipeline, pipec_error** error);
/* What pipec_run() would have returned, once the run is over, as often as it is asked. Every timeout is in
 * milliseconds; 0 does not wait, and a negative one is none. */
PIPEC_C_API int pipec_wait(pipec_pipeline* pipeline, int64_t timeout_ms, pipec_error** error);
/* The sources stop, what is in flight is drained and committed, the run ends. Returns at once; any number of
 * times. Before a run: it ends as soon as it has begun. */
PIPEC_C_API int pipec_stop(pipec_pipeline* pipeline, pipec_error** error);

/* Puts a record into a channel, before or during the run. PIPEC_OK: it is in, at *position (may be NULL).
 * PIPEC_TIMEOUT: there was no room. PIPEC_END: the run is over. */
PIPEC_C_API int pipec_push(pipec_pipeline* pipeline, const char* channel, const pipec_record* record,
                           int64_t timeout_ms, uint64_t* position, pipec_error** error);
/* No more comes on this channel; the run ends when this is so of all sources. */
PIPEC_C_API int pipec_end(pipec_pipeline* pipeline, const char* channel, pipec_error** error);
/* Every position below *end is committed; of a channel that is taken from: released. After the run, too. */
PIPEC_C_API int pipec_committed(pipec_pipeline* pipeline, const char* channel, uint64_t* end,
                                pipec_error** error);

/* The next record of a channel, in the order of the sink. PIPEC_OK: *record and what it points to stay as
 * they are until it is released. PIPEC_END: the run is over, and all that it wrote is taken. */
PIPEC_C_API int pipec_take(pipec_pipeline* pipeline, const char* channel, int64_t timeout_ms,
                           const pipec_record** record, pipec_error** error);
/* The record of that number is done with; in any order, once. */
PIPEC_C_API int pipec_release(pipec_pipeline* pipeline, const char* channel, uint64_t number,
                              pipec_error** error);

/* A JSON object, which pipec_free() frees. "pipeline": its name; "state": "ready", "running", "done" or
 * "failed"; "records_in", "records_out", "dead_letters", "bytes_in"; "channels": [{"name", "direction":
 * "push" or "take", "records", "committed"}]; once the run is over "watermarks": [{"source", "name",
 * "partition", "end"}], of every source up to where it is committed. Members may be added. */
PIPEC_C_API int pipec_status(pipec_pipeline* pipeline, char** json, pipec_error** error);
PIPEC_C_API void pipec_free(char* text); /* NULL is fine */

#ifdef __cplusplus
}
#endif
