/* The C interface of pipec: plain C99, for C and every language that can call it. Link libpipec.so.
 *
 *   pipec_open, pipec_on_..., pipec_start
 *   pipec_push and pipec_end on one side, pipec_take and pipec_release on the other
 *   pipec_wait, pipec_close
 *
 * The pipeline's text names the channels: `recv memory("in")` reads the records that you push to "in", and
 * you take from "out" what `sink memory("out")` writes.
 *
 * DELIVERY is at least once. Pushed records get the positions 0, 1, 2, ... of their channel. A position is
 * committed when every result of its record is safe: written and synced by the other sinks and, where your
 * program reads the channel, taken AND released, or accepted by a callback that returned 0. Commits are
 * cumulative, and a commit waits for every record that was handed out before it started. When a run has
 * ended, for whatever reason, push the records from the committed position on again, to a new pipeline.
 * Sources that keep their own positions (files, Kafka) follow the same rule. A run therefore ends only after
 * you have released all records, and a take without a timeout may wait forever while you hold others.
 *
 * BACK PRESSURE. Channels are bounded (pipec_options.channel_bytes). A push waits while that much is not
 * committed; the pipeline waits while that much is not released.
 *
 * RESULTS. Functions return PIPEC_OK or one of the codes below; negative codes are errors. `error` may be
 * NULL. Otherwise it is set to NULL or to an error that you free with pipec_error_free(). Misuse (a null
 * handle, a second run, a push after the end) returns PIPEC_MISUSE with a message. No function throws.
 *
 * THREADS. Any thread may call any function, also at the same time. After pipec_close() has started, start no
 * other call on that handle; calls that are already waiting return. Callbacks run on threads of the pipeline
 * and must not wait for its run: pipec_run(), pipec_wait() and pipec_close() return PIPEC_MISUSE there, and a
 * push or take that waits may wait for the callback itself.
 *
 * MEMORY. Functions copy their arguments. Texts are UTF-8 and end with a NUL; payloads, keys and header
 * values are arbitrary bytes. pipec_error, pipec_record and pipec_options may get new members at the end;
 * where you fill a struct, struct_size says which members you know. */
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

/* 1000 * major + minor of this interface. A newer library of the same major version
 * works with an older program. */
#define PIPEC_C_VERSION 1000
/* The library's version. Check that pipec_c_version() / 1000 == PIPEC_C_VERSION / 1000. */
PIPEC_C_API unsigned pipec_c_version(void);
PIPEC_C_API const char* pipec_version(void); /* pipec's own version: "0.1.0" */

enum {
  PIPEC_OK = 0,
  PIPEC_TIMEOUT = 1, /* the time is up; nothing happened */
  PIPEC_END = 2,     /* take: there are no more records. push: the run is over, the record was not accepted */
  PIPEC_MISUSE = -1, /* a mistake in the calling program */
  PIPEC_INVALID = -2,  /* the text does not compile */
  PIPEC_FAILED = -3,   /* the run ended with an error */
  PIPEC_NO_MEMORY = -4 /* or no thread; *error may be NULL */
};

typedef struct pipec_diagnostic {
  const char* code;      /* "E0203"; warnings start with W */
  const char* message;   /* one line */
  const char* file;      /* `name` of pipec_open(), or a file named by `use` */
  uint32_t line, column; /* from 1; columns count characters */
} pipec_diagnostic;

typedef struct pipec_error {
  int result;            /* the code that the function returned */
  const char* code;      /* stable: "misuse", "sink", "io"; PIPEC_INVALID: that of the first error */
  const char* message;   /* PIPEC_INVALID: all diagnostics, as `pipec check` prints them */
  const char* node;      /* "sink memory"; "" if unknown */
  const char* where;     /* "flow.pipe:3:5"; "" if unknown */
  uint32_t line, column; /* of `where`; 0 if unknown */
  const pipec_diagnostic* diagnostics; /* PIPEC_INVALID: sorted by place */
  size_t diagnostic_count;
} pipec_error;
PIPEC_C_API void pipec_error_free(pipec_error* error); /* accepts NULL */

typedef struct pipec_header {
  const char* name;
  const char* value; /* NULL: a header without a value */
  size_t value_size;
} pipec_header;

typedef struct pipec_record {
  size_t struct_size; /* sizeof(pipec_record) */
  const char* payload;
  size_t payload_size;
  const char* key; /* NULL: none */
  size_t key_size;
  const pipec_header* headers;
  size_t header_count;
  int has_timestamp;
  int64_t timestamp; /* nanoseconds since 1970 */
  uint64_t number;   /* for pipec_release(); ignored by pipec_push() */
} pipec_record;

typedef struct pipec_options {
  size_t struct_size;          /* sizeof(pipec_options) */
  const char* state_directory; /* state goes into a subdirectory with the pipeline's name; NULL: none */
  unsigned threads;            /* 0: one for each usable CPU */
  size_t channel_bytes;        /* 0: 16 MiB for each channel */
  int64_t drain_ms;            /* deadline for in-flight records after a stop; 0: 30 s */
} pipec_options;

typedef struct pipec_pipeline pipec_pipeline;

/* Compiles `text`, `size` bytes long. `name` is the file name in messages ("flow.pipe"), not empty; `options`
 * may be NULL. Opens no file or connection that the text names. A text that reads a channel twice, or reads
 * and writes it, is PIPEC_INVALID. Warnings go to on_log when the run starts. The calling thread needs 1 MiB
 * of stack. */
PIPEC_C_API int pipec_open(const char* name, const char* text, size_t size, const pipec_options* options,
                           pipec_pipeline** pipeline, pipec_error** error);
/* Stops the run, waits for it, and frees the handle and all records that you did not release. Accepts NULL.
 */
PIPEC_C_API int pipec_close(pipec_pipeline* pipeline, pipec_error** error);

/* Set callbacks before the run; NULL removes one. Their arguments are valid until they return. */

/* Receives the records of a channel instead of pipec_take(), one call at a time for each sink. Return 0 when
 * you are done with the record. Anything else ends the run, and that record stays uncommitted. */
typedef int (*pipec_record_fn)(void* user, const pipec_record* record);
PIPEC_C_API int pipec_on_record(pipec_pipeline* pipeline, const char* channel, pipec_record_fn function,
                                void* user, pipec_error** error);
/* Receives dead letters, one JSON object and one call at a time, if the text has no `dlq` (the first dead
 * letter would end the run). Return 0 when the dead letter is safe. Anything else ends the run. */
typedef int (*pipec_text_fn)(void* user, const char* text, size_t size);
PIPEC_C_API int pipec_on_dead_letter(pipec_pipeline* pipeline, pipec_text_fn function, void* user,
                                     pipec_error** error);
/* Called once if the run fails, before it is over. */
typedef void (*pipec_error_fn)(void* user, const pipec_error* error);
PIPEC_C_API int pipec_on_error(pipec_pipeline* pipeline, pipec_error_fn function, void* user,
                               pipec_error** error);
/* Receives log lines, from several threads at the same time. Must not block. */
typedef void (*pipec_log_fn)(void* user, const char* line);
PIPEC_C_API int pipec_on_log(pipec_pipeline* pipeline, pipec_log_fn function, void* user,
                             pipec_error** error);

/* Runs until all sources have ended, a stop or the first error; once. Returns PIPEC_OK or PIPEC_FAILED. */
PIPEC_C_API int pipec_run(pipec_pipeline* pipeline, pipec_error** error);
/* Runs on a new thread. Returns an error if the run cannot start. */
PIPEC_C_API int pipec_start(pipec_pipeline* pipeline, pipec_error** error);
/* Waits for the end of the run and returns its result, any number of times. All timeouts are in milliseconds:
 * 0 does not wait, a negative timeout waits without limit. */
PIPEC_C_API int pipec_wait(pipec_pipeline* pipeline, int64_t timeout_ms, pipec_error** error);
/* Stops the sources, drains and commits the records in flight, and ends the run. Returns at once. Before a
 * run: the run ends as soon as it starts. */
PIPEC_C_API int pipec_stop(pipec_pipeline* pipeline, pipec_error** error);

/* Adds a record to a channel, before or during the run, and returns its position in *position (may be NULL).
 * PIPEC_TIMEOUT: the channel is full. PIPEC_END: the run is over. */
PIPEC_C_API int pipec_push(pipec_pipeline* pipeline, const char* channel, const pipec_record* record,
                           int64_t timeout_ms, uint64_t* position, pipec_error** error);
/* Ends the channel: you push nothing more. The run ends when all its sources have ended. */
PIPEC_C_API int pipec_end(pipec_pipeline* pipeline, const char* channel, pipec_error** error);
/* Returns the committed position: all positions below *end are committed (in a channel that you take from:
 * released). Also after the run. */
PIPEC_C_API int pipec_committed(pipec_pipeline* pipeline, const char* channel, uint64_t* end,
                                pipec_error** error);

/* Takes the next record of a channel, in the order of the sink. *record and everything it points to are valid
 * until you release it. PIPEC_END: the run is over, and you have taken all records. */
PIPEC_C_API int pipec_take(pipec_pipeline* pipeline, const char* channel, int64_t timeout_ms,
                           const pipec_record** record, pipec_error** error);
/* Releases the record with this number. Release each record once, in any order. */
PIPEC_C_API int pipec_release(pipec_pipeline* pipeline, const char* channel, uint64_t number,
                              pipec_error** error);

/* Returns a JSON object, to be freed with pipec_free(): "pipeline" (its name), "state" ("ready", "running",
 * "done" or "failed"), "records_in", "records_out", "dead_letters", "bytes_in", "channels" [{"name",
 * "direction" ("push" or "take"), "records", "committed"}]; after the run also "committed" [{"source",
 * "name", "partition", "end"}] for every source. Later versions may add members. */
PIPEC_C_API int pipec_status(pipec_pipeline* pipeline, char** json, pipec_error** error);
PIPEC_C_API void pipec_free(char* text); /* accepts NULL */

#ifdef __cplusplus
}
#endif
