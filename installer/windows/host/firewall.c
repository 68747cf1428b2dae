/*
 * Bound to the program and not to ports, which are settings. The ids stand here because mingw's libraries do not have them.
 */
#define COBJMACROS
#include <initguid.h>
#include "firewall.h"
#include "path.h"
#include "say.h"
#include "text.h"
#include <netfw.h>
#include <stdlib.h>

static const struct { const wchar_t *kind; LONG protocol; } kinds[] = {{L"TCP-In", NET_FW_IP_PROTOCOL_TCP}, {L"UDP-In", NET_FW_IP_PROTOCOL_UDP}};
/* Removing takes one rule of a name away; somebody may have added more of the same name. */
enum { same_name_max = 16 };

static BSTR name_of(const struct settings *s, const wchar_t *kind) {
  wchar_t *name = text_format(L"%ls (%ls)", s->display, kind);
  BSTR text = SysAllocString(name);
  free(name);
  return text;
}

typedef HRESULT (STDMETHODCALLTYPE *put_text)(INetFwRule *, BSTR);

static HRESULT put(HRESULT before, INetFwRule *rule, put_text method, const wchar_t *value) {
  BSTR text;
  HRESULT result;
  if (FAILED(before)) return before;
  text = SysAllocString(value);
  result = text ? method(rule, text) : E_OUTOFMEMORY;
  SysFreeString(text);
  return result;
}

static HRESULT add(INetFwRules *rules, const struct settings *s, const wchar_t *kind, LONG protocol) {
  INetFwRule *rule = NULL;
  wchar_t *node = path_join(s->folder, L"node.exe");
  BSTR name = name_of(s, kind);
  HRESULT result = CoCreateInstance(&CLSID_NetFwRule, NULL, CLSCTX_INPROC_SERVER, &IID_INetFwRule, (void **)&rule);
  if (SUCCEEDED(result)) {
    const INetFwRuleVtbl *methods = rule->lpVtbl;
    result = put(result, rule, methods->put_Name, name);
    result = put(result, rule, methods->put_Grouping, s->display);
    result = put(result, rule, methods->put_Description, L"Lets other machines of the network fetch content from this one.");
    result = put(result, rule, methods->put_ApplicationName, node);
    if (SUCCEEDED(result)) result = INetFwRule_put_Protocol(rule, protocol);
    result = put(result, rule, methods->put_RemoteAddresses, text_is(s->firewall, L"any") ? L"*" : L"LocalSubnet");
    if (SUCCEEDED(result)) result = INetFwRule_put_Direction(rule, NET_FW_RULE_DIR_IN);
    if (SUCCEEDED(result)) result = INetFwRule_put_Action(rule, NET_FW_ACTION_ALLOW);
    if (SUCCEEDED(result)) result = INetFwRule_put_Profiles(rule, NET_FW_PROFILE2_DOMAIN | NET_FW_PROFILE2_PRIVATE);
    if (SUCCEEDED(result)) result = INetFwRule_put_Enabled(rule, VARIANT_TRUE);
    if (SUCCEEDED(result)) result = INetFwRules_Add(rules, rule);
    INetFwRule_Release(rule);
  }
  SysFreeString(name);
  free(node);
  return result;
}

static void take_away(INetFwRules *rules, const struct settings *s, const wchar_t *kind) {
  BSTR name = name_of(s, kind);
  for (int i = 0; i < same_name_max; i++) {
    INetFwRule *found = NULL;
    if (FAILED(INetFwRules_Item(rules, name, &found)) || !found) break;
    INetFwRule_Release(found);
    if (FAILED(INetFwRules_Remove(rules, name))) break;
  }
  SysFreeString(name);
}

int firewall(const struct settings *s, BOOL is_wanted) {
  INetFwPolicy2 *policy = NULL;
  INetFwRules *rules = NULL;
  HRESULT result = CoInitializeEx(NULL, COINIT_APARTMENTTHREADED);
  const BOOL is_begun = SUCCEEDED(result);
  if (SUCCEEDED(result)) result = CoCreateInstance(&CLSID_NetFwPolicy2, NULL, CLSCTX_INPROC_SERVER, &IID_INetFwPolicy2, (void **)&policy);
  if (SUCCEEDED(result)) result = INetFwPolicy2_get_Rules(policy, &rules);
  if (SUCCEEDED(result) && rules) {
    const BOOL is_added = is_wanted && *s->firewall && !text_is(s->firewall, L"no");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
      take_away(rules, s, kinds[i].kind);
      if (is_added && SUCCEEDED(result)) result = add(rules, s, kinds[i].kind, kinds[i].protocol);
    }
  }
  if (rules) INetFwRules_Release(rules);
  if (policy) INetFwPolicy2_Release(policy);
  if (is_begun) CoUninitialize();
  if (SUCCEEDED(result)) return 0;
  return say_failed((DWORD)result, L"the rules of Windows' firewall cannot be changed; do this as an administrator, and see that the service mpssvc runs");
}
