/* How long to wait before the next start: 1, 2, 4 ... 60 s, and 1 s again after ten good minutes. */
#pragma once
#include <windows.h>

enum { restart_ms_first = 1000, restart_ms_max = 60 * 1000, good_run_ms = 10 * 60 * 1000 };

/* The wait before this start from the one before the last; 0: there was none. */
static inline DWORD restart_ms(DWORD last_ms, ULONGLONG ran_ms) {
  if (last_ms == 0 || ran_ms >= good_run_ms) return restart_ms_first;
  return last_ms * 2 < restart_ms_max ? last_ms * 2 : restart_ms_max;
}
