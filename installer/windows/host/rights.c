#include "rights.h"
#include "text.h"
#include <bcrypt.h>
#include <sddl.h>
#include <stdlib.h>

/* "Modify" of the Security page: all but changing rights and owner; of the folder itself without DELETE, or the service could put another in its place. */
static const wchar_t modify[] = L"0x1301bf", use[] = L"0x1201bf";

wchar_t *rights_service_sid(const wchar_t *service) {
  BCRYPT_ALG_HANDLE algorithm = NULL;
  DWORD hash[5];
  wchar_t *upper = text_format(L"%ls", service);
  NTSTATUS status = BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA1_ALGORITHM, NULL, 0);
  CharUpperW(upper);
  if (status >= 0) status = BCryptHash(algorithm, NULL, 0, (UCHAR *)upper, (ULONG)(wcslen(upper) * sizeof *upper), (UCHAR *)hash, sizeof hash);
  if (algorithm) BCryptCloseAlgorithmProvider(algorithm, 0);
  free(upper);
  if (status < 0) {
    SetLastError(ERROR_INTERNAL_ERROR);
    return NULL;
  }
  return text_format(L"S-1-5-80-%lu-%lu-%lu-%lu-%lu", hash[0], hash[1], hash[2], hash[3], hash[4]);
}

PSECURITY_DESCRIPTOR rights_of(const wchar_t *service) {
  PSECURITY_DESCRIPTOR rights = NULL;
  wchar_t *sid = rights_service_sid(service), *text;
  if (!sid) return NULL;
  text = text_format(L"O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;;%ls;;;%ls)(A;OICIIO;%ls;;;%ls)", use, sid, modify, sid);
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1, &rights, NULL)) rights = NULL;
  free(text);
  free(sid);
  return rights;
}

DWORD rights_set(HANDLE object, PSECURITY_DESCRIPTOR rights) {
  const SECURITY_INFORMATION what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
  PSID owner;
  PACL list;
  BOOL is_there, is_default;
  if (!GetSecurityDescriptorOwner(rights, &owner, &is_default) || !GetSecurityDescriptorDacl(rights, &is_there, &list, &is_default))
    return GetLastError();
  /* This one hands them on to what is in the folder. */
  return SetSecurityInfo(object, SE_FILE_OBJECT, what, owner, NULL, list, NULL);
}

void rights_take_privileges(void) {
  /* ProcessRedirectionTrustPolicy, enforced: a junction that somebody without rights has made is not followed. Windows from before 2022 does not know it. */
  DWORD enforce = 1;
  static const wchar_t *names[] = {L"SeTakeOwnershipPrivilege", L"SeRestorePrivilege", L"SeBackupPrivilege"};
  HANDLE token;
  SetProcessMitigationPolicy((PROCESS_MITIGATION_POLICY)16, &enforce, sizeof enforce);
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &token)) return;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    TOKEN_PRIVILEGES one = {1, {{{0, 0}, SE_PRIVILEGE_ENABLED}}};
    if (LookupPrivilegeValueW(NULL, names[i], &one.Privileges[0].Luid)) AdjustTokenPrivileges(token, FALSE, &one, 0, NULL, NULL);
  }
  CloseHandle(token);
}
