/*
 * The script's stdin is how we speak with it: a line "policy" when policy has changed, and its end when it is to stop, which it
 * also sees when we die.
 */
#include "supervise.h"
#include "child.h"
#include "environment.h"
#include "log_file.h"
#include "messages.h"
#include "restart.h"
#include "say.h"
#include "text.h"
#include "values.h"
#include "watch.h"
#include <stdlib.h>

/* Group Policy writes many values one after another: the script is told once, when they are in. */
enum { policy_settles_ms = 1000 };
static const char policy_line[] = "policy\n";
enum { policy_bytes = sizeof policy_line - 1 };
/* Windows may need a moment to end a process that is busy in a driver; one that never ends is left to it. */
enum { end_tries_max = 3 };
/* For what the script said last, after it has ended. */
enum { pump_ms_max = 5000 };
/* At the longest wait of restart.h, one event of Event Viewer in an hour. */
enum { restarts_per_event = 60 };
/* Of what the script said last, for Event Viewer. */
enum { last_words_max = 1500 };

struct pump {
  HANDLE from;
  char bytes[32 * 1024], last[last_words_max];
  size_t last_length;
};

static void remember(struct pump *pump, const char *bytes, size_t count) {
  if (count > last_words_max) {
    bytes += count - last_words_max;
    count = last_words_max;
  }
  if (pump->last_length + count > last_words_max) {
    size_t kept = last_words_max - count;
    memmove(pump->last, pump->last + pump->last_length - kept, kept);
    pump->last_length = kept;
  }
  memcpy(pump->last + pump->last_length, bytes, count);
  pump->last_length += count;
}

static DWORD WINAPI pump_thread(void *given) {
  struct pump *pump = given;
  DWORD count;
  while (ReadFile(pump->from, pump->bytes, sizeof pump->bytes, &count, NULL) && count) {
    log_write(pump->bytes, count);
    remember(pump, pump->bytes, count);
  }
  return 0;
}

struct run {
  struct child child;
  HANDLE input; /* our end of its stdin; NULL: closed */
  DWORD told;   /* bytes of a line that it has not taken whole */
  BOOL is_behind;
  HANDLE pump_handle;
  struct pump *pump;
  BOOL is_pump_ended;
};

static wchar_t *arguments_of(const struct settings *s) {
  wchar_t *more = value_read_at(s->key, L"Arguments");
  wchar_t *all = text_format(L"%ls %ls", s->arguments, more ? more : L"");
  free(more);
  return all;
}

/* It holds one line, since a second one says no more; and whoever does not read it does not hold us up. */
static BOOL open_input(HANDLE *its_end, HANDLE *our_end) {
  SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
  DWORD mode = PIPE_READMODE_BYTE | PIPE_NOWAIT;
  return CreatePipe(its_end, our_end, &inheritable, policy_bytes) && SetHandleInformation(*our_end, HANDLE_FLAG_INHERIT, 0) &&
         SetNamedPipeHandleState(*our_end, &mode, NULL, NULL);
}

static BOOL open_output(HANDLE *our_end, HANDLE *its_end) {
  SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
  return CreatePipe(our_end, its_end, &inheritable, 64 * 1024) && SetHandleInformation(*our_end, HANDLE_FLAG_INHERIT, 0);
}

static void close_end(HANDLE *end) {
  if (*end) CloseHandle(*end);
  *end = NULL;
}

static BOOL start(struct run *run, const struct settings *s) {
  HANDLE in = NULL, out = NULL;
  wchar_t *arguments = arguments_of(s);
  DWORD error;
  BOOL is_started;
  memset(run, 0, sizeof *run);
  run->pump = memory(sizeof *run->pump);
  environment_apply(s);
  is_started = open_input(&in, &run->input) && open_output(&run->pump->from, &out) && child_start(&run->child, s, arguments, s->folder, in, out, out);
  error = GetLastError();
  close_end(&in);
  close_end(&out);
  if (is_started) {
    run->pump_handle = CreateThread(NULL, 0, pump_thread, run->pump, 0, NULL);
  } else {
    close_end(&run->input);
    close_end(&run->pump->from);
    free(run->pump);
  }
  free(arguments);
  SetLastError(error);
  return is_started;
}

/* FALSE: its thread reads on, because something that we cannot end holds the other end. */
static BOOL end_pump(HANDLE thread) {
  if (!thread) return TRUE;
  if (WaitForSingleObject(thread, pump_ms_max) != WAIT_OBJECT_0) CancelSynchronousIo(thread);
  return WaitForSingleObject(thread, pump_ms_max) == WAIT_OBJECT_0;
}

/* After its process has ended. The job's end ends what it has left, and with that the pipe that the pump reads. */
static DWORD finish(struct run *run) {
  DWORD code = 1;
  GetExitCodeProcess(run->child.process, &code);
  close_end(&run->input);
  child_close(&run->child);
  run->is_pump_ended = end_pump(run->pump_handle);
  close_end(&run->pump_handle);
  if (run->is_pump_ended) close_end(&run->pump->from);
  return code;
}

static void forget(struct run *run) {
  if (run->is_pump_ended) free(run->pump);
  run->pump = NULL;
}

static void say_late(const struct settings *s) {
  wchar_t *words = text_format(L"It was given %lu seconds.", s->stop_ms / 1000);
  log_line(L"%ls has not stopped within %lu s and is ended", s->display, s->stop_ms / 1000);
  say_event(s->name, MESSAGE_STOP_LATE, s->display, words);
  free(words);
}

static void stop_child(struct run *run, const struct settings *s, void (*still_stopping)(void)) {
  const ULONGLONG since = GetTickCount64();
  log_line(L"stopping %ls", s->display);
  close_end(&run->input);
  while (WaitForSingleObject(run->child.process, 1000) == WAIT_TIMEOUT && GetTickCount64() - since < s->stop_ms) still_stopping();
  for (int i = 0; WaitForSingleObject(run->child.process, 0) == WAIT_TIMEOUT; i++) {
    if (i == 0) say_late(s);
    if (i == end_tries_max) {
      log_line(L"process %lu cannot be ended; Windows ends it when it can", run->child.id);
      return;
    }
    still_stopping();
    child_end(&run->child);
  }
}

/* FALSE: it has not taken the last one yet. */
static BOOL tell_policy(struct run *run) {
  DWORD done = 0;
  if (!WriteFile(run->input, policy_line + run->told, policy_bytes - run->told, &done, NULL)) return TRUE; /* it is ending */
  run->told += done;
  if (run->told < policy_bytes) {
    if (!run->is_behind) log_line(L"policy has changed, but the program is busy with what it was told before");
    run->is_behind = TRUE;
    return FALSE;
  }
  run->told = 0;
  run->is_behind = FALSE;
  log_line(L"policy has changed");
  return TRUE;
}

/* Until it has ended by itself (FALSE) or is to stop (TRUE). */
static BOOL attend(struct run *run, HANDLE stop, struct watch *watches, DWORD count) {
  HANDLE waits[2 + watches_max];
  DWORD wait_ms = INFINITE;
  waits[0] = stop;
  waits[1] = run->child.process;
  for (DWORD i = 0; i < count; i++) waits[2 + i] = watches[i].event;
  for (;;) {
    DWORD which = WaitForMultipleObjects(2 + count, waits, FALSE, wait_ms);
    if (which == WAIT_OBJECT_0) return TRUE;
    if (which == WAIT_TIMEOUT) {
      /* What came while it settled, the key's own end among it. */
      for (DWORD i = 0; i < count; i++) watch_changed(&watches[i]);
      wait_ms = tell_policy(run) ? INFINITE : policy_settles_ms;
    } else if (which >= WAIT_OBJECT_0 + 2 && which < WAIT_OBJECT_0 + 2 + count) {
      if (watch_changed(&watches[which - WAIT_OBJECT_0 - 2])) wait_ms = policy_settles_ms;
    } else {
      return FALSE;
    }
  }
}

/* What it said last, for Event Viewer. */
static wchar_t *last_words(const struct run *run) {
  wchar_t *last = text_wide(run->pump->last, run->pump->last_length), *words = text_format(L"It said: %ls", last);
  free(last);
  return words;
}

static void say_configuration(const struct settings *s, const struct run *run) {
  wchar_t *words = last_words(run);
  log_line(L"%ls cannot use its configuration and is not started again", s->display);
  say_event(s->name, MESSAGE_CONFIGURATION, s->display, words);
  free(words);
}

static void say_restart(const struct settings *s, const struct run *run, DWORD code, DWORD wait_ms, BOOL is_event_due) {
  wchar_t *words = last_words(run);
  wchar_t *why = text_format(L"Its exit code was %lu (0x%lx); the next start is in %lu s. See %ls\\logs\\service.log.", code, code, wait_ms / 1000, s->data);
  wchar_t *with_words = text_format(L"%ls %ls", why, words);
  log_line(L"%ls has ended. %ls", s->display, why);
  if (is_event_due) say_event(s->name, MESSAGE_RESTARTING, s->display, with_words);
  free(with_words);
  free(why);
  free(words);
}

static void say_not_started(const struct settings *s, DWORD error, DWORD wait_ms, BOOL is_event_due) {
  wchar_t *words = say_system_words(error);
  wchar_t *why = text_format(L"%ls\\node.exe: %ls. Repair the installation; the next try is in %lu s.", s->folder, words, wait_ms / 1000);
  log_line(L"%ls has not begun. %ls", s->display, why);
  if (is_event_due) say_event(s->name, MESSAGE_NOT_STARTED, s->display, why);
  free(why);
  free(words);
}

/* From a start that has worked to the script's end. */
static DWORD see_through(struct run *run, const struct settings *s, HANDLE stop, void (*still_stopping)(void), struct watch *watches, DWORD count,
                         BOOL *is_wanted) {
  DWORD code;
  log_line(L"started %ls, process %lu", s->display, run->child.id);
  *is_wanted = attend(run, stop, watches, count);
  if (*is_wanted) stop_child(run, s, still_stopping);
  code = finish(run);
  if (*is_wanted) log_line(L"stopped %ls, exit code %lu", s->display, code);
  return code;
}

DWORD supervise(const struct settings *s, HANDLE stop, void (*still_stopping)(void)) {
  struct watch watches[watches_max];
  const DWORD count = watches_open(watches, s->policies);
  DWORD wait_ms = 0;
  for (DWORD starts = 0;; starts++) {
    const ULONGLONG since = GetTickCount64();
    const BOOL is_event_due = wait_ms < restart_ms_max || starts % restarts_per_event == 0;
    struct run run;
    if (start(&run, s)) {
      BOOL is_wanted;
      DWORD code;
      /* Now, because Event Viewer's service may take its time. */
      if (starts == 0) say_event(s->name, MESSAGE_STARTED, s->display, s->data);
      code = see_through(&run, s, stop, still_stopping, watches, count, &is_wanted);
      if (!is_wanted && code == exit_configuration) say_configuration(s, &run);
      wait_ms = restart_ms(wait_ms, GetTickCount64() - since);
      if (!is_wanted && code != exit_configuration) say_restart(s, &run, code, wait_ms, is_event_due);
      forget(&run);
      if (is_wanted) return 0;
      if (code == exit_configuration) return code;
    } else {
      const DWORD error = GetLastError();
      wait_ms = restart_ms(wait_ms, 0);
      say_not_started(s, error, wait_ms, is_event_due);
    }
    if (WaitForSingleObject(stop, wait_ms) == WAIT_OBJECT_0) return 0;
  }
}
