/** The policy's own description in the reader's language: what the coordinator says of each name is English. */
import type { PolicyFieldView } from '@starling/shared/admin-api/policy.ts'
import type { PolicyName } from '@starling/shared/policy/policy.ts'
import type { PolicyWords } from '@starling/shared/policy/words/zh.ts'
import { useSaid, type Say } from '@starling/shared/web/said.ts'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { useText } from '../words.ts'

export interface FieldInWords extends PolicyFieldView {
  /** A short title; null: the name stands for itself. */
  readonly title: string | null
  /** What its sentences are in. */
  readonly lang: string
}

type Words = Readonly<Record<string, PolicyWords>>

/** The schema is in these, beside English; each is fetched when somebody looks at a policy in it. */
const languages: Readonly<Record<string, () => Promise<Words>>> = {
  zh: async () =>
    (await import('@starling/shared/policy/words/zh.ts')).policyWords satisfies Record<
      PolicyName,
      PolicyWords
    >
}

/** English until the words are there, and where the page knows none: of a name of a newer coordinator, for example. */
export function useFieldsInWords(fields: readonly PolicyFieldView[]): ReadonlyMap<string, FieldInWords> {
  const { language } = useText()
  const said = useSaid()
  const [words, setWords] = useState<{ readonly language: string; readonly all: Words } | null>(null)
  useEffect(() => {
    let stale = false
    languages[language]?.().then(
      all => {
        if (!stale) setWords({ language, all })
      },
      () => {
        // The English sentences say it too.
      }
    )
    return () => {
      stale = true
    }
  }, [language])
  const all = words?.language === language ? words.all : null
  return useMemo(
    () =>
      new Map(fields.map(field => [field.name, inWords(field, all?.[field.name] ?? null, language, said)])),
    [fields, all, language]
  )
}

function inWords(field: PolicyFieldView, words: PolicyWords | null, lang: string, said: Say): FieldInWords {
  if (words === null) return { ...field, title: null, lang: 'en' }
  const { name: title, what, why, form, codes } = words
  const limits = { least: field.limits?.least ?? '', most: field.limits?.most ?? '', unit: field.unit ?? '' }
  return {
    ...field,
    title,
    lang,
    what,
    why,
    form: form ?? said(`policy.form.${field.kind}`, limits, field.form).trim(),
    choices: field.choices.map(choice => ({
      ...choice,
      label: (typeof choice.value === 'number' ? codes?.[choice.value] : undefined) ?? choice.label
    }))
  }
}
