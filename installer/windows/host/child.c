#include "child.h"
#include "path.h"
#include "text.h"
#include <stdlib.h>

static HANDLE job_that_ends_with_us(void) {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit = {0};
  HANDLE job = CreateJobObjectW(NULL, NULL);
  limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  if (job && !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit)) {
    CloseHandle(job);
    return NULL;
  }
  return job;
}

/* A handle may stand in the list once only. */
static DWORD different(HANDLE *list, HANDLE in, HANDLE out, HANDLE err) {
  DWORD count = 0;
  list[count++] = in;
  if (out != in) list[count++] = out;
  if (err != in && err != out) list[count++] = err;
  return count;
}

BOOL child_start(struct child *child, const struct settings *s, const wchar_t *arguments, const wchar_t *folder, HANDLE in, HANDLE out,
                 HANDLE err) {
  STARTUPINFOEXW start = {0};
  PROCESS_INFORMATION process;
  HANDLE inherited[3];
  SIZE_T size = 0;
  DWORD error = ERROR_SUCCESS;
  wchar_t *node = path_join(s->folder, L"node.exe"), *script = path_join(s->folder, s->script);
  wchar_t *line = text_format(L"\"%ls\" \"%ls\" %ls", node, script, arguments);
  HANDLE job = job_that_ends_with_us();
  DWORD count = different(inherited, in, out, err);

  start.StartupInfo.cb = sizeof start;
  start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  start.StartupInfo.hStdInput = in;
  start.StartupInfo.hStdOutput = out;
  start.StartupInfo.hStdError = err;
  InitializeProcThreadAttributeList(NULL, 1, 0, &size);
  start.lpAttributeList = memory(size);
  if (!job || !InitializeProcThreadAttributeList(start.lpAttributeList, 1, 0, &size)) {
    error = GetLastError();
  } else {
    if (!UpdateProcThreadAttribute(start.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited,
                                   count * sizeof *inherited, NULL, NULL) ||
        !CreateProcessW(node, line, NULL, NULL, TRUE,
                        CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT, NULL, folder,
                        &start.StartupInfo, &process))
      error = GetLastError();
    DeleteProcThreadAttributeList(start.lpAttributeList);
  }
  if (error == ERROR_SUCCESS && !AssignProcessToJobObject(job, process.hProcess)) {
    error = GetLastError();
    TerminateProcess(process.hProcess, 1);
    CloseHandle(process.hProcess);
    CloseHandle(process.hThread);
  }
  if (error == ERROR_SUCCESS) {
    ResumeThread(process.hThread);
    CloseHandle(process.hThread);
    child->process = process.hProcess;
    child->job = job;
    child->id = process.dwProcessId;
  } else if (job) {
    CloseHandle(job);
  }
  free(start.lpAttributeList);
  free(line);
  free(script);
  free(node);
  SetLastError(error);
  return error == ERROR_SUCCESS;
}

void child_end(struct child *child) {
  TerminateJobObject(child->job, 1);
  WaitForSingleObject(child->process, 5000);
}

void child_close(struct child *child) {
  CloseHandle(child->process);
  CloseHandle(child->job);
}
