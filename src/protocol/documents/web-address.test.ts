import { describe, expect, it } from 'vitest';
import { rasterTypeOf } from './raster-type';
import { webAddressOf } from './web-address';

describe('addresses of the web', () => {
  it('are those with http and https', () => {
    expect(webAddressOf('https://Example.org/a b')).toBe('https://example.org/a%20b');
    expect(webAddressOf('http://127.0.0.1:80/x')).toBe('http://127.0.0.1/x');
  });

  it.each([
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,<script>1</script>',
    'file:///etc/passwd',
    'app://tore/index.html',
    'vbscript:x',
    'https://user:word@bank.example/',
    'https://good.example@evil.example/',
    '//example.org',
    '/relative',
    '#part',
    'mailto:a@b.example',
    'https://',
    `https://example.org/${'x'.repeat(9_000)}`,
  ])('are nothing else: %s', (address) => {
    expect(webAddressOf(address)).toBeNull();
  });
});

describe('pictures made of pixels', () => {
  const bytes = (text: string) => Buffer.from(text, 'latin1');

  it('are told by their first bytes', () => {
    expect(rasterTypeOf(bytes('\u0089PNG\r\n\u001a\nrest'))).toBe('image/png');
    expect(rasterTypeOf(bytes('\u00ff\u00d8\u00ff\u00e0'))).toBe('image/jpeg');
    expect(rasterTypeOf(bytes('RIFF\u0000\u0000\u0000\u0000WEBPVP8 '))).toBe('image/webp');
    expect(rasterTypeOf(bytes('\u0000\u0000\u0000 ftypavif'))).toBe('image/avif');
  });

  it.each(['<svg xmlns="http://www.w3.org/2000/svg">', '<html>', '', 'RIFF1234WAVE', '%PDF-1.7', '\u0089PNG'])(
    'are nothing else: %s',
    (text) => {
      expect(rasterTypeOf(bytes(text))).toBeNull();
    },
  );
});
