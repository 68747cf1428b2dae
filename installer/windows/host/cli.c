#include "cli.h"
#include "child.h"
#include "environment.h"
#include "say.h"

/* Ctrl-C reaches everybody at the console: the script decides what it means, and we wait for it. */
static BOOL WINAPI leave_it_to_the_script(DWORD control) {
  (void)control;
  return TRUE;
}

/* A word of a command line, up to the space behind it outside of quotes. */
static const wchar_t *past_word(const wchar_t *at) {
  BOOL is_quoted = FALSE;
  for (; *at && (is_quoted || (*at != L' ' && *at != L'\t')); at++)
    if (*at == L'"') is_quoted = !is_quoted;
  while (*at == L' ' || *at == L'\t') at++;
  return at;
}

/* Who starts us without a console (Windows Installer) may leave numbers behind that are no handles, or others' handles. */
static BOOL is_usable(HANDLE given, BOOL is_output) {
  DWORD written;
  if (given == NULL || given == INVALID_HANDLE_VALUE || GetFileType(given) == FILE_TYPE_UNKNOWN) return FALSE;
  return !is_output || WriteFile(given, "", 0, &written, NULL);
}

/* Never closed by us, and inheritable: a console's handles are, a pipe's may not be. */
static HANDLE standard(DWORD which) {
  HANDLE given = GetStdHandle(which), copy = NULL;
  if (!is_usable(given, which != STD_INPUT_HANDLE) ||
      !DuplicateHandle(GetCurrentProcess(), given, GetCurrentProcess(), &copy, 0, TRUE, DUPLICATE_SAME_ACCESS)) {
    SECURITY_ATTRIBUTES inheritable = {sizeof inheritable, NULL, TRUE};
    copy = CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inheritable, OPEN_EXISTING, 0, NULL);
  }
  return copy;
}

int cli(const struct settings *s) {
  struct child child;
  DWORD code = 1;
  /* As they were typed: quoting them anew could change them. */
  const wchar_t *arguments = past_word(past_word(GetCommandLineW()));
  environment_apply(s);
  SetConsoleCtrlHandler(leave_it_to_the_script, TRUE);
  if (!child_start(&child, s, arguments, NULL, standard(STD_INPUT_HANDLE), standard(STD_OUTPUT_HANDLE), standard(STD_ERROR_HANDLE)))
    return say_failed(GetLastError(), L"%ls\\node.exe cannot be started: repair the installation", s->folder);
  WaitForSingleObject(child.process, INFINITE);
  GetExitCodeProcess(child.process, &code);
  child_close(&child);
  return (int)code;
}
