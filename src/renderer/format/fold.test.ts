import { expect, it } from 'vitest';
import { foldForSearch } from './fold';

it.each([
  ['Ayarlar', 'ayarlar'],
  ['İSTATİSTİK', 'istatistik'],
  ['ISI SINIRI', 'isi siniri'],
  ['ısı sınırı', 'isi siniri'],
  ['Çağrı Güvenliği', 'cagri guvenligi'],
  ['Café', 'cafe'],
])('%s is searched as %s', (text, folded) => {
  expect(foldForSearch(text)).toBe(folded);
});
