/**
 * Starling.admx and its texts, made from the policy schema: what the Group Policy editor shows, and what it writes into the registry (learn.microsoft.com,
 * "Group Policy ADMX syntax reference"; [MS-GPREG] 7 has the schema). Root category and supportedOn are our own, so that no other ADMX has to be there.
 */
import { categories, policyKey, settings, type AdmxSetting } from './setting.ts'
import { chinese, english, type Words } from './words.ts'
import { element, xmlText, type XmlElement } from './xml.ts'

const namespace = 'http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions'
const fileName = 'Starling'
/** Raised when an ADML of before would not go with the ADMX any more. */
const revision = '1.0'
const supportedId = 'SUPPORTED_Starling'
const rootId = 'CAT_Starling'

const string = (id: string): string => `$(string.${id})`
const categoryId = (category: string): string => `CAT_${category}`
const choiceId = ({ name }: AdmxSetting, value: number | string): string => `${name}_${value}`
const hasElements = ({ control }: AdmxSetting): boolean => control.kind !== 'switch'

/** By path below `PolicyDefinitions`. */
export function policyDefinitions(): ReadonlyMap<string, string> {
  return new Map([
    [`${fileName}.admx`, xmlText(admx())],
    ...[english, chinese].map(words => [`${words.language}/${fileName}.adml`, xmlText(adml(words))] as const)
  ])
}

function admx(): XmlElement {
  return element('policyDefinitions', { xmlns: namespace, revision, schemaVersion: '1.0' }, [
    element('policyNamespaces', {}, [
      element('target', { prefix: 'starling', namespace: 'Starling.Policies.Starling' })
    ]),
    element('resources', { minRequiredRevision: revision }),
    element('supportedOn', {}, [
      element('definitions', {}, [
        element('definition', { name: supportedId, displayName: string(supportedId) })
      ])
    ]),
    element('categories', {}, [
      element('category', {
        name: rootId,
        displayName: string(rootId),
        explainText: string(`${rootId}_Explain`)
      }),
      ...categories.map(category =>
        element('category', { name: categoryId(category), displayName: string(categoryId(category)) }, [
          element('parentCategory', { ref: rootId })
        ])
      )
    ]),
    element('policies', {}, settings.map(policy))
  ])
}

function policy(setting: AdmxSetting): XmlElement {
  const { name, category, control, userMay } = setting
  const place = [
    element('parentCategory', { ref: categoryId(category) }),
    element('supportedOn', { ref: supportedId })
  ]
  return element(
    'policy',
    {
      name,
      class: userMay === null ? 'Machine' : 'Both',
      displayName: string(name),
      explainText: string(`${name}_Explain`),
      presentation: hasElements(setting) ? `$(presentation.${name})` : undefined,
      key: policyKey,
      valueName: hasElements(setting) ? undefined : name
    },
    control.kind === 'switch'
      ? [
          ...place,
          element('enabledValue', {}, [element('decimal', { value: 1 })]),
          element('disabledValue', {}, [element('decimal', { value: 0 })])
        ]
      : [...place, element('elements', {}, [valueElement(setting)])]
  )
}

function valueElement(setting: AdmxSetting): XmlElement {
  const { control, name } = setting
  const common = { id: name, valueName: name, required: true }
  switch (control.kind) {
    case 'number':
      return element('decimal', { ...common, minValue: control.min, maxValue: control.max })
    case 'choice':
      return element(
        'enum',
        common,
        control.items.map(({ value }) =>
          element('item', { displayName: string(choiceId(setting, value)) }, [
            element('value', {}, [
              typeof value === 'number' ? element('decimal', { value }) : element('string', {}, value)
            ])
          ])
        )
      )
    case 'list':
      return element('multiText', { ...common, maxStrings: control.itemsMax })
    case 'text':
      return element('text', { ...common, maxLength: control.lengthMax })
    case 'switch':
      throw new Error(`${name} is a switch: it has no elements`)
  }
}

function adml(words: Words): XmlElement {
  const texts: ReadonlyArray<readonly [id: string, text: string]> = [
    [supportedId, words.supported],
    [rootId, words.root],
    [`${rootId}_Explain`, words.rootExplained],
    ...categories.map(category => [categoryId(category), words.category[category]] as const),
    ...settings.flatMap(setting => {
      const { name, control } = setting
      const items = control.kind === 'choice' ? control.items : []
      return [
        [name, words.title(setting)] as const,
        [`${name}_Explain`, words.explain(setting)] as const,
        ...items.map(
          ({ value, meaning }) => [choiceId(setting, value), words.choice(setting, value, meaning)] as const
        )
      ]
    })
  ]
  return element('policyDefinitionResources', { xmlns: namespace, revision, schemaVersion: '1.0' }, [
    element('displayName', {}, fileName),
    element('description', {}, words.about),
    element('resources', {}, [
      element(
        'stringTable',
        {},
        texts.map(([id, text]) => element('string', { id }, text))
      ),
      element(
        'presentationTable',
        {},
        settings
          .filter(hasElements)
          .map(setting =>
            element('presentation', { id: setting.name }, [shown(setting, words.label(setting))])
          )
      )
    ])
  ])
}

/** The control, filled in with the default. */
function shown(
  { name: refId, control, facts: { byDefault, defaultText } }: AdmxSetting,
  label: string
): XmlElement {
  switch (control.kind) {
    case 'number':
      return element(
        'decimalTextBox',
        { refId, defaultValue: typeof byDefault === 'number' ? byDefault : control.min },
        label
      )
    case 'choice': {
      const item = control.items.findIndex(({ value }) => value === byDefault)
      return element(
        'dropdownList',
        { refId, noSort: true, defaultItem: item === -1 ? undefined : item },
        label
      )
    }
    case 'list':
      return element('multiTextBox', { refId }, label)
    case 'text':
      return element('textBox', { refId }, [
        element('label', {}, label),
        ...(defaultText === '' ? [] : [element('defaultValue', {}, defaultText)])
      ])
    case 'switch':
      throw new Error(`${refId} is a switch: it shows no control`)
  }
}
