import { PageWordsProvider } from '@starling/shared/web/page-words.tsx'
import { applyLook } from '@starling/shared/web/look-settings.tsx'
import { render } from 'preact'
import '@starling/shared/web/look.css'
import { Page } from './page.tsx'
import { languages } from './words.ts'

applyLook()
render(
  <PageWordsProvider languages={languages}>
    <Page />
  </PageWordsProvider>,
  document.getElementById('page') ?? document.body
)
