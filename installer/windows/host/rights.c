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

static PSECURITY_DESCRIPTOR from_text(wchar_t *text) {
  PSECURITY_DESCRIPTOR rights = NULL;
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1, &rights, NULL)) rights = NULL;
  free(text);
  return rights;
}

PSECURITY_DESCRIPTOR rights_of(const wchar_t *service) {
  wchar_t *sid = rights_service_sid(service), *text;
  if (!sid) return NULL;
  text = text_format(L"O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;;%ls;;;%ls)(A;OICIIO;%ls;;;%ls)", use, sid, modify, sid);
  free(sid);
  return from_text(text);
}

PSECURITY_DESCRIPTOR rights_below(const wchar_t *service, BOOL is_folder) {
  const wchar_t *flags = is_folder ? L"OICIID" : L"ID";
  wchar_t *sid = rights_service_sid(service), *text;
  if (!sid) return NULL;
  text = text_format(L"D:ARAI(A;%ls;FA;;;SY)(A;%ls;FA;;;BA)(A;%ls;%ls;;;%ls)", flags, flags, flags, modify, sid);
  free(sid);
  return from_text(text);
}

PSECURITY_DESCRIPTOR rights_of_pin(const wchar_t *service) {
  wchar_t *sid = rights_service_sid(service), *text;
  if (!sid) return NULL;
  text = text_format(L"O:BAG:SYD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;%ls)", sid);
  free(sid);
  return from_text(text);
}

PSECURITY_DESCRIPTOR rights_of_parent(void) {
  return from_text(text_format(L"O:BAG:SYD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)"));
}

DWORD rights_set(HANDLE object, PSECURITY_DESCRIPTOR rights) {
  SECURITY_INFORMATION what = DACL_SECURITY_INFORMATION;
  SECURITY_DESCRIPTOR_CONTROL control;
  DWORD revision;
  PSID owner;
  BOOL is_default;
  if (!GetSecurityDescriptorOwner(rights, &owner, &is_default) || !GetSecurityDescriptorControl(rights, &control, &revision)) return GetLastError();
  if (owner) what |= OWNER_SECURITY_INFORMATION;
  what |= control & SE_DACL_PROTECTED ? PROTECTED_DACL_SECURITY_INFORMATION : UNPROTECTED_DACL_SECURITY_INFORMATION;
  return SetKernelObjectSecurity(object, what, rights) ? ERROR_SUCCESS : GetLastError();
}

static BOOL is_same_list(PACL one, PACL other) {
  if (!one || !other || one->AceCount != other->AceCount) return FALSE;
  for (DWORD i = 0; i < one->AceCount; i++) {
    ACE_HEADER *first, *second;
    if (!GetAce(one, i, (void **)&first) || !GetAce(other, i, (void **)&second)) return FALSE;
    if (first->AceSize != second->AceSize || memcmp(first, second, first->AceSize) != 0) return FALSE;
  }
  return TRUE;
}

BOOL rights_are(HANDLE object, PSECURITY_DESCRIPTOR rights) {
  PSECURITY_DESCRIPTOR there = NULL;
  PACL list, wanted;
  BOOL is_there, is_default, are;
  if (GetSecurityInfo(object, SE_FILE_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, &list, NULL, &there) != ERROR_SUCCESS) return FALSE;
  are = GetSecurityDescriptorDacl(rights, &is_there, &wanted, &is_default) && is_there && is_same_list(list, wanted);
  LocalFree(there);
  return are;
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
