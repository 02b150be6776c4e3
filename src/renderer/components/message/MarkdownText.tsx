import 'katex/dist/katex.min.css';
import { Component, memo, type ReactNode } from 'react';
import Markdown, { type Components, type Options } from 'react-markdown';
import rehypeHighlight from 'rehype-highlight';
import rehypeKatex from 'rehype-katex';
import remarkGfm from 'remark-gfm';
import remarkMath from 'remark-math';
import { isFormattable, withDollarFormulas } from '../../../protocol/conversation/markdown-text';
import { CodeBlock } from './CodeBlock';
import { InlinePicture } from './InlinePicture';
import { WebLink } from './WebLink';
import classes from './MarkdownText.module.css';

/*
 * Raw HTML in a text is shown as text: nothing here ever becomes markup of its own. Links are buttons, pictures come from
 * the text itself or not at all.
 */
const REMARK: NonNullable<Options['remarkPlugins']> = [remarkGfm, remarkMath];
const REHYPE: NonNullable<Options['rehypePlugins']> = [
  // Without trust, formulas can neither link nor load.
  [rehypeKatex, { throwOnError: false, trust: false, errorColor: 'var(--tore-coral)', maxSize: 20, maxExpand: 500 }],
  [rehypeHighlight, { detect: false }],
];

const COMPONENTS: Components = {
  a: ({ href, children }) => <WebLink address={href ?? ''}>{children}</WebLink>,
  img: ({ src, alt }) => <InlinePicture address={typeof src === 'string' ? src : ''} alt={alt ?? ''} />,
  pre: ({ children }) => <CodeBlock>{children}</CodeBlock>,
  // Headings of a message are no headings of the screen.
  h1: ({ children }) => <p className={classes.heading}>{children}</p>,
  h2: ({ children }) => <p className={classes.heading}>{children}</p>,
  h3: ({ children }) => <p className={classes.heading}>{children}</p>,
  h4: ({ children }) => <p className={classes.heading}>{children}</p>,
  h5: ({ children }) => <p className={classes.heading}>{children}</p>,
  h6: ({ children }) => <p className={classes.heading}>{children}</p>,
  table: ({ children }) => (
    <div className={classes.table}>
      <table>{children}</table>
    </div>
  ),
  input: ({ checked }) => <span aria-hidden="true">{checked === true ? '☑' : '☐'}</span>,
};

function PlainText({ text }: { readonly text: string }) {
  return <div className={classes.plain}>{text}</div>;
}

interface BoundaryProps {
  readonly text: string;
  readonly children: ReactNode;
}

/** Shows a text as it is when formatting it goes too deep for the engine's stack. */
class PlainWhenBroken extends Component<BoundaryProps, { readonly broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { readonly broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    return this.state.broken ? <PlainText text={this.props.text} /> : this.props.children;
  }
}

/** A text as Markdown with tables, code and formulas; one that would take too long to format, as it is. */
export const MarkdownText = memo(function MarkdownText({ text }: { readonly text: string }) {
  if (!isFormattable(text)) return <PlainText text={text} />;
  return (
    <PlainWhenBroken text={text}>
      <div className={classes.markdown}>
        <Markdown
          remarkPlugins={REMARK}
          rehypePlugins={REHYPE}
          components={COMPONENTS}
          // Addresses are judged where they are used: by the link's button and by the picture.
          urlTransform={(address) => address}
        >
          {withDollarFormulas(text)}
        </Markdown>
      </div>
    </PlainWhenBroken>
  );
});
