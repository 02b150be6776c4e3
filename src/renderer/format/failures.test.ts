import i18next from 'i18next';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startI18n } from '../i18n/i18n';
import { explainFailure, failureText } from './failures';

const failure = {
  code: 'coordinator-unreachable',
  message: 'No answer from http://127.0.0.1:9.',
  suggestion: 'Check the URL.',
};

describe('failures', () => {
  beforeAll(() => startI18n());
  afterEach(() => i18next.changeLanguage('en'));

  it('are told as they came in English', () => {
    expect(failureText(failure)).toBe('No answer from http://127.0.0.1:9. Check the URL.');
    expect(explainFailure({ code: 'x', message: 'Broken.' })).toEqual({ what: 'Broken.', todo: null });
  });

  it('are explained first in Turkish, with the description as the detail', async () => {
    await i18next.changeLanguage('tr');
    expect(explainFailure(failure)).toEqual({
      what: 'Koordinatöre ulaşılamıyor. Adresi ve ağ bağlantısını denetleyin.',
      todo: '(No answer from http://127.0.0.1:9. Check the URL.)',
    });
    // A code nobody has explained yet loses nothing.
    expect(failureText({ code: 'x', message: 'Broken.' })).toBe('Broken.');
  });
});
