// One question of `relayhost init` as a field: a choice, a text, or a password.
import { FormGroup, FormHelperText } from "@patternfly/react-core/dist/esm/components/Form/index.js";
import { FormSelect, FormSelectOption } from "@patternfly/react-core/dist/esm/components/FormSelect/index.js";
import { HelperText, HelperTextItem } from "@patternfly/react-core/dist/esm/components/HelperText/index.js";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput/index.js";
import { useState } from "react";

import type { Form, Question } from "./documents";
import { Said } from "./said";

const _ = cockpit.gettext;

// The choice by which a person says that none of the options is meant.
const OTHER = "\0";

type Props = {
    question: Question;
    typed: string | undefined;
    isOpen: boolean;
    refused: Form["refused"];
    // A text was typed; an option was chosen, which may change what is asked next.
    type: (value: string) => void;
    choose: (value: string) => void;
};

export function Field({ question, typed, isOpen, refused, type, choose }: Props) {
    const { question: word, options, free, secret, text, help } = question;
    const value = typed ?? question.answer ?? (isOpen ? "" : question.default ?? "");
    const isOption = options.some(option => option.answer === value.split("/")[0]);
    const [other, setOther] = useState(value !== "" && !isOption);
    const id = `question-${word}`;
    const status = refused ? "error" : "default";
    const chosen = other ? OTHER : options.find(option => option.answer === value || option.answer === value.split("/")[0])?.answer ?? "";
    const select = (picked: string) => {
        setOther(picked === OTHER);
        if (picked !== OTHER && picked !== "")
            choose(picked);
    };
    return (
        <FormGroup label={text} fieldId={id} isRequired={isOpen}>
            {options.length > 0 && (
                <FormSelect id={other ? `${id}-options` : id} aria-label={text} value={chosen} onChange={(_event, picked) => select(picked)} validated={status}>
                    {chosen === "" && <FormSelectOption value="" label={_("Choose")} isPlaceholder />}
                    {options.map(option => <FormSelectOption key={option.answer} value={option.answer} label={option.title === option.answer ? option.title : `${option.answer}: ${option.title}`} />)}
                    {free && <FormSelectOption value={OTHER} label={_("Something else")} />}
                </FormSelect>
            )}
            {(options.length === 0 || other) && (
                <TextInput id={id} aria-label={text} aria-describedby={`${id}-help`} type={secret ? "password" : "text"} value={typed ?? (other && isOption ? "" : secret ? "" : value)}
                    placeholder={secret ? question.default ?? "" : ""} autoComplete={secret ? "new-password" : "off"} spellCheck={false} validated={status}
                    onChange={(_event, now) => type(now)} autoFocus={isOpen && word !== "relay"} />
            )}
            <FormHelperText>
                <HelperText id={`${id}-help`} aria-live="polite">
                    {refused && <HelperTextItem variant="error"><Said>{`${refused.problem}: ${refused.remedy}`}</Said></HelperTextItem>}
                    {question.said && <HelperTextItem><Said>{question.said}</Said></HelperTextItem>}
                    {help && (options.length === 0 || (free && options.length < 8)) && <HelperTextItem><Said>{help}</Said></HelperTextItem>}
                </HelperText>
            </FormHelperText>
        </FormGroup>
    );
}
