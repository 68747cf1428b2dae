/**
 * Fields that document themselves: what a number means, its unit, its limits, its default and the reason for it stand
 * in one place, and everything that is told about the field (errors, `--help`, docs, ADMX) is made from there.
 *
 * A field takes the value itself (`4`, `true`, `['a']`) or the text that people write (`10GiB`, `30s`, `off`, `a,b`).
 */
import { z } from 'zod'
import type { Bytes, BytesPerSecond, Millis } from '../units.ts'
import { booleanFromText, bytesFromText, bytesToText, millisFromText, millisToText } from './quantities.ts'

export interface FieldDoc {
  /** One sentence: what it does. */
  readonly what: string
  /** Why the default is what it is. */
  readonly why: string
  /** Which values allow less. Absent: values cannot be compared so, and no user may set this. */
  readonly stricter?: Stricter
  /** An old name: what to write instead. */
  readonly insteadUse?: string
}

/**
 * `lower`: less is stricter. `lower-not-0`: the same, but 0 means no limit. `higher`: more is stricter. `higher-or-0`: the same, but 0 is the
 * strictest. `off`, `on`: that is the stricter side of a switch, and 0 or 1 of a flag. `fewer`: a list that allows things.
 */
export type Stricter = 'lower' | 'lower-not-0' | 'higher' | 'higher-or-0' | 'off' | 'on' | 'fewer'

interface Limits {
  readonly min: number
  readonly max: number
}

/** Limits of a number that says its unit itself: `KB/s`, `%`. */
export interface Amount extends Limits {
  readonly unit: string
}

/** A field's facts, as read back from its schema. */
export interface FieldFacts extends FieldDoc {
  /** What to write, for people: `a size like 10GiB`. */
  readonly form: string
  /** The same in a word, as in `--cache-quota <size>`. */
  readonly word: string
  readonly byDefault: unknown
  /** The default as one would write it; empty when there is none. */
  readonly defaultText: string
  /** Absent: bare, or what the value is written with. */
  readonly unit?: string
  /** The least and the most that it takes, as one would write them. */
  readonly limits?: { readonly least: string; readonly most: string }
  /** What numbers stand for. */
  readonly codes?: Codes
  /** A value of it as one would write it. */
  write(value: unknown): string
  /** The value has parts of its own, and its schema says of each what is wrong with it. */
  readonly isStructured?: true
  /** Never shown, not even in an error. */
  readonly isSecret?: true
}

/** Numbers that stand for something else, each with what it stands for. */
export type Codes = Readonly<Record<number, string>>

interface Wording<Value> {
  readonly word: string
  readonly form: string
  readonly read: (text: string) => unknown
  readonly write: (value: Value) => string
  readonly limits?: NonNullable<FieldFacts['limits']>
}

function field<Value>(
  inner: z.ZodType<Value>,
  { word, form, read, write, limits }: Wording<Value>,
  byDefault: Value,
  doc: FieldDoc
): z.ZodType<Value> {
  const facts: FieldFacts = {
    ...doc,
    form,
    word,
    byDefault,
    defaultText: write(byDefault),
    ...(limits === undefined ? {} : { limits }),
    write: value => write(value as Value)
  }
  const schema = z.preprocess(value => {
    if (value === undefined) return byDefault
    // What cannot be read goes on as it came, and the inner schema refuses it.
    return typeof value === 'string' ? (read(value) ?? value) : value
  }, inner)
  return schema.meta({ description: doc.what, ...facts })
}

/** @returns undefined for a schema that is no field (a group of fields). */
export function factsOf(schema: z.ZodType): FieldFacts | undefined {
  const facts = schema.meta()
  return facts !== undefined && 'form' in facts ? (facts as unknown as FieldFacts) : undefined
}

const whole = (limits: Limits) => z.number().int().min(limits.min).max(limits.max)
const numberFromText = (text: string) => (/^\s*\d+\s*$/.test(text) ? Number(text) : null)
const limitTexts = ({ min, max }: Limits, write: (value: number) => string) => ({
  least: write(min),
  most: write(max)
})
const trimmed = (text: string) => text.trim()

export function countField(byDefault: number, limits: Limits, doc: FieldDoc): z.ZodType<number> {
  const form = `a whole number from ${limits.min} to ${limits.max}`
  return field(
    whole(limits),
    { word: 'number', form, read: numberFromText, write: String, limits: limitTexts(limits, String) },
    byDefault,
    doc
  )
}

/** A number in a unit of its own, not ours: of a policy that others have named. Null: not set. */
export function amountField(byDefault: number, amount: Amount, doc: FieldDoc): z.ZodType<number>
export function amountField(byDefault: null, amount: Amount, doc: FieldDoc): z.ZodType<number | null>
export function amountField(
  byDefault: number | null,
  { unit, ...limits }: Amount,
  doc: FieldDoc
): z.ZodType<number | null> {
  const form = `a whole number (${unit}) from ${limits.min} to ${limits.max}`
  return numeric(byDefault, whole(limits), form, doc, { unit }, limits)
}

/** A number that stands for something. Null: not set. */
export function codeField(byDefault: number, codes: Codes, doc: FieldDoc): z.ZodType<number>
export function codeField(byDefault: null, codes: Codes, doc: FieldDoc): z.ZodType<number | null>
export function codeField(byDefault: number | null, codes: Codes, doc: FieldDoc): z.ZodType<number | null> {
  const numbers = Object.keys(codes).map(Number)
  const form = `one of ${numbers.map(code => `${code} (${codes[code]})`).join(', ')}`
  return numeric(byDefault, z.literal(numbers), form, doc, { codes })
}

/** 0 or 1, as the registry has what is on or off; the words will do as well. */
export function flagField(byDefault: 0 | 1, doc: FieldDoc): z.ZodType<number> {
  const codes = { 0: 'no', 1: 'yes' }
  const read = (text: string) => ({ true: 1, false: 0, null: null })[String(booleanFromText(text))]
  const wording = { word: '0|1', form: '0 (no) or 1 (yes)', read, write: String }
  // `true` is what a JSON file has for it.
  const inner = z.preprocess(value => (typeof value === 'boolean' ? Number(value) : value), z.literal([0, 1]))
  const schema = field<number>(inner, wording, byDefault, doc)
  return schema.meta({ ...schema.meta(), codes })
}

function numeric(
  byDefault: number | null,
  inner: z.ZodType<number>,
  form: string,
  doc: FieldDoc,
  more: Pick<FieldFacts, 'unit' | 'codes'>,
  limits?: Limits
): z.ZodType<number | null> {
  const write = (value: number | null) => (value === null ? '' : String(value))
  const wording = {
    word: 'number',
    form,
    read: numberFromText,
    write,
    ...(limits === undefined ? {} : { limits: limitTexts(limits, String) })
  }
  // What has a default is not unset by writing null: that would be a second word for it.
  const schema = field<number | null>(byDefault === null ? inner.nullable() : inner, wording, byDefault, doc)
  return schema.meta({ ...schema.meta(), ...more })
}

export function bytesField(byDefault: Bytes, limits: Limits, doc: FieldDoc): z.ZodType<Bytes> {
  const form = `a size like 10GiB or 500MB, from ${bytesToText(limits.min)} to ${bytesToText(limits.max)}`
  return field<Bytes>(
    whole(limits),
    {
      word: 'size',
      form,
      read: bytesFromText,
      write: bytesToText,
      limits: limitTexts(limits, bytesToText)
    },
    byDefault,
    doc
  )
}

export function rateField(
  byDefault: BytesPerSecond,
  limits: Limits,
  doc: FieldDoc
): z.ZodType<BytesPerSecond> {
  const form = `bytes a second, like 500KB or 2MiB, from ${bytesToText(limits.min)} to ${bytesToText(limits.max)}`
  return field<BytesPerSecond>(
    whole(limits),
    {
      word: 'rate',
      form,
      read: bytesFromText,
      write: (rate: number) => bytesToText(rate),
      limits: limitTexts(limits, bytesToText)
    },
    byDefault,
    doc
  )
}

export function millisField(byDefault: Millis, limits: Limits, doc: FieldDoc): z.ZodType<Millis> {
  const form = `a time like 30s or 1h30m, from ${millisToText(limits.min)} to ${millisToText(limits.max)}`
  return field<Millis>(
    whole(limits),
    {
      word: 'time',
      form,
      read: millisFromText,
      write: millisToText,
      limits: limitTexts(limits, millisToText)
    },
    byDefault,
    doc
  )
}

export function switchField(byDefault: boolean, doc: FieldDoc): z.ZodType<boolean> {
  const write = (value: boolean) => (value ? 'on' : 'off')
  return field(
    z.boolean(),
    { word: 'on|off', form: 'on or off', read: booleanFromText, write },
    byDefault,
    doc
  )
}

export function choiceField<const Choice extends string>(
  choices: readonly Choice[],
  byDefault: Choice,
  doc: FieldDoc
): z.ZodType<Choice> {
  // A long list belongs into the error, not into every line of help.
  const wording = {
    word: choices.length > 3 ? 'name' : choices.join('|'),
    form: `one of ${choices.join(', ')}`,
    read: trimmed,
    write: String
  }
  return field<Choice>(z.enum(choices), wording, byDefault, doc)
}

/** The same field, whose value is nobody's business. */
export function secret<Value>(schema: z.ZodType<Value>): z.ZodType<Value> {
  return schema.meta({ ...schema.meta(), isSecret: true })
}

/** Text of one shape; `inner` says which. */
export function textField<Value extends string | null>(
  inner: z.ZodType<Value>,
  { word, form }: { readonly word: string; readonly form: string },
  byDefault: Value,
  doc: FieldDoc
): z.ZodType<Value> {
  return field(inner, { word, form, read: trimmed, write: value => value ?? '' }, byDefault, doc)
}

/** Objects, in a shape of their own; as text they are JSON. An error names the object and its field. */
export function objectsField<Item extends object>(
  inner: z.ZodType<readonly Item[]>,
  { word, form }: { readonly word: string; readonly form: string },
  doc: FieldDoc
): z.ZodType<readonly Item[]> {
  const wording = { word, form, read: jsonFromText, write: () => '' }
  const schema = field<readonly Item[]>(inner, wording, [], doc)
  return schema.meta({ ...schema.meta(), isStructured: true })
}

function jsonFromText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** A list; as text its items stand apart by commas. */
export function listField(
  item: z.ZodType<string>,
  { word, form }: { readonly word: string; readonly form: string },
  doc: FieldDoc,
  byDefault: readonly string[] = []
): z.ZodType<readonly string[]> {
  const read = (text: string) =>
    text
      .split(',')
      .map(trimmed)
      .filter(part => part !== '')
  const write = (items: readonly string[]) => items.join(',')
  return field<readonly string[]>(
    z.array(item).max(256),
    { word: `${word},...`, form: `${form}, with commas between them`, read, write },
    byDefault,
    doc
  )
}
